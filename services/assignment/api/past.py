"""What was there as of a day (``as_of``), and pages of it.

Who may see something is judged by what it is now: nobody sees more of the past than of the present. What is shown, and
what filters ask for, is judged by what it was at the end of the day.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.types import BusinessDate
from shared.infrastructure.bank_time import end_of
from shared.infrastructure.fold import Fold
from shared.infrastructure.http import encode_cursor
from shared.kernel.errors import Unknown

LOOKED_AT = 100
"""How many rows of the present are looked at at once, at least, for small pages."""

MOST_LOOKED_AT = 2000
"""How many are looked at for one page, unless a row is a large one; what was not found is left to the next page."""

PastDay = Annotated[
    BusinessDate | None,
    Query(
        description="YYYY-MM-DD: as it was at the end of that day by all that is recorded for it and the days before; "
        "as it is now if left out. Of a list, a page may then hold fewer than `limit` although `next` is given"
    ),
]


class Row(Protocol):
    """A row of a view that has a stream of its own."""

    @property
    def stream(self) -> str: ...


RowT = TypeVar("RowT", bound=Row)
StateT = TypeVar("StateT")
PlaceT = TypeVar("PlaceT")


def moment_of(day: date | None, now: datetime) -> datetime:
    """The last moment of a day, or ``now`` where that is yet to come or no day is given."""
    return now if day is None else min(now, end_of(day))


async def state_as_of(
    connection: AsyncConnection, fold: Fold[StateT], stream: str, day: date, missing: Unknown
) -> StateT:
    """What an aggregate was at the end of a day; raises ``missing`` where it did not exist yet."""
    states = await fold.as_of(connection, [stream], day)
    if stream not in states:
        raise missing
    return states[stream]


class _Staged(Protocol):
    @property
    def status(self) -> str: ...


def of_status(status: str | None) -> Callable[[_Staged], bool]:
    """Whether a row has this status; any will do where it is None."""
    return lambda row: status in (None, row.status)


@dataclass(frozen=True, slots=True)
class Past(Generic[RowT]):
    """A day gone by: ``then`` tells what the rows of these streams were, without those that were not there yet or that
    are not wanted for something else; ``fits`` says whether one of them is wanted."""

    then: Callable[[Sequence[str]], Awaitable[Mapping[str, RowT]]]
    fits: Callable[[RowT], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Found(Generic[RowT, PlaceT]):
    """A page: what to show, what the same rows are now, and the place after which the next page begins, if any."""

    rows: Sequence[RowT]
    present: Sequence[RowT]
    following: PlaceT | None

    @property
    def cursor(self) -> str | None:
        """That place as callers see it."""
        if self.following is None:
            return None
        return encode_cursor(*self.following if isinstance(self.following, tuple) else [self.following])


async def one_page(
    look: Callable[[PlaceT, int], Awaitable[Sequence[RowT]]],
    place: Callable[[RowT], PlaceT],
    after: PlaceT,
    limit: int,
    past: Past[RowT] | None,
    most: int | None = None,
) -> Found[RowT, PlaceT]:
    """A page beyond a place of what ``look`` finds in the present, as it is now or was in the ``past``.

    For the past, ``look`` must find whatever may have been wanted then; it is looked through until the page is full, or
    ``most`` rows were looked at, by default MOST_LOOKED_AT.
    """
    if past is None:
        rows = await look(after, limit)
        return Found(rows, rows, place(rows[-1]) if len(rows) == limit else None)
    then: list[RowT] = []
    present: list[RowT] = []
    most = most or MOST_LOOKED_AT
    step = min(max(limit, LOOKED_AT), most)
    for _ in range(most // step):
        rows = await look(after, step)
        states = await past.then([row.stream for row in rows])
        for row in rows:
            after = place(row)
            if row.stream in states and past.fits(states[row.stream]):
                then.append(states[row.stream])
                present.append(row)
                if len(then) == limit:
                    return Found(then, present, after)
        if len(rows) < step:
            return Found(then, present, None)
    return Found(then, present, after)
