"""Personal data in the read models: sealed on the way in, opened where its key is still there."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.sealed import keys_for, seal, unsealed


class Registration(Protocol):
    """A command that puts somebody on record by name."""

    @property
    def stream(self) -> str: ...

    @property
    def name(self) -> str: ...


RegistrationT = TypeVar("RegistrationT", bound=Registration)


async def seal_names(
    connection: AsyncConnection, registrations: Sequence[RegistrationT]
) -> dict[RegistrationT, str]:
    """The names sealed, with the keys made in this transaction; none for those on record who were erased."""
    keys = await keys_for(connection, [one.stream for one in registrations])
    return {
        one: seal(keys[one.stream], one.stream, {"name": one.name})
        for one in registrations
        if one.stream in keys
    }


async def names(connection: AsyncConnection, sealed: Mapping[str, str]) -> dict[str, str]:
    """The names by stream, from what is sealed by stream; absent is who was erased."""
    return {stream: data["name"] for stream, data in (await unsealed(connection, sealed)).items()}
