"""Personal data in the read models: sealed on the way in, opened where its key is still there."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.sealed import keys_for, keys_of, seal, unsealed


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


class Profile(Protocol):
    """A command that says anew all of somebody's personal data."""

    @property
    def stream(self) -> str: ...

    @property
    def profile(self) -> tuple[tuple[str, str], ...]: ...


ProfileT = TypeVar("ProfileT", bound=Profile)


async def seal_profiles(connection: AsyncConnection, profiles: Sequence[ProfileT]) -> dict[ProfileT, str]:
    """The profiles sealed; none for those who were erased."""
    keys = await keys_of(connection, [one.stream for one in profiles])
    return {
        one: seal(keys[one.stream], one.stream, dict(one.profile)) for one in profiles if one.stream in keys
    }


async def names(connection: AsyncConnection, sealed: Mapping[str, str]) -> dict[str, str]:
    """The names by stream, from what is sealed by stream; absent is who was erased."""
    return {stream: data["name"] for stream, data in (await unsealed(connection, sealed)).items()}


async def profile_of(connection: AsyncConnection, stream: str, sealed: str) -> dict[str, str] | None:
    """All personal data of one; None where it was erased."""
    return (await unsealed(connection, {stream: sealed})).get(stream)
