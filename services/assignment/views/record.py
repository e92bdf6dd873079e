"""What people write about customers, in the read models: sealed on the way in, opened where the key is there."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.sealed import keys_of, seal, unseal


class Writing(Protocol):
    """A command with texts about a customer: ``owner`` is the customer's stream. Both may be absent."""

    @property
    def owner(self) -> str | None: ...

    @property
    def texts(self) -> Mapping[str, str]: ...


WritingT = TypeVar("WritingT", bound=Writing)


async def seal_texts(connection: AsyncConnection, commands: Sequence[WritingT]) -> dict[WritingT, str]:
    """The texts of each command, sealed with the customer's key; none for customers who were erased."""
    owners = {one: one.owner for one in commands if one.owner is not None and one.texts}
    keys = await keys_of(connection, set(owners.values())) if owners else {}
    return {one: seal(keys[owner], owner, one.texts) for one, owner in owners.items() if owner in keys}


async def open_texts(
    connection: AsyncConnection, written: Sequence[tuple[str, Collection[str]]]
) -> list[dict[str, str]]:
    """The texts of each of these owners and sealed texts, by their fields; none where the key was erased."""
    keys = await keys_of(connection, {owner for owner, sealed in written if sealed})
    return [
        {
            name: text
            for each in sealed
            if owner in keys
            for name, text in unseal(keys[owner], owner, each).items()
        }
        for owner, sealed in written
    ]
