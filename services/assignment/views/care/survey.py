"""Table ``survey``: what customers answered = ``GET /v1/customers/{customer_id}/surveys`` and
``/v1/managers/{manager_id}/satisfaction``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.survey import Consulted, CustomerSurveyed, SurveyCustomer, mean
from services.assignment.views import portfolio
from services.assignment.views.record import seal_texts
from shared.infrastructure.database import copy
from shared.kernel.event import StoredEvent

_COLUMNS = ("survey_id", "customer_id", "manager_id", "score", "surveyed_on", "sealed")


class SurveyView:
    """One row a survey."""

    tables = ("survey",)
    takes = frozenset({CustomerSurveyed})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        rows = [
            tuple(getattr(event.fact, column) for column in _COLUMNS)
            for event in events
            if isinstance(event.fact, CustomerSurveyed)
        ]
        if rows:
            await copy(connection, "survey", _COLUMNS, rows)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a customer answered; the comment is ``sealed``."""

    survey_id: str
    customer_id: str
    manager_id: str | None
    score: int
    surveyed_on: date
    sealed: str | None

    @property
    def written(self) -> Sequence[str]:
        """What is sealed of it."""
        return () if self.sealed is None else (self.sealed,)

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those texts that they may read."""
        return {
            "survey_id": self.survey_id,
            "customer_id": self.customer_id,
            "manager_id": self.manager_id,
            "score": self.score,
            "surveyed_on": self.surveyed_on,
            "comment": texts.get("comment"),
        }


async def consult(connection: AsyncConnection, commands: Sequence[SurveyCustomer]) -> Consulted:
    """The comments, sealed, and who answered for each customer on the day of the survey."""
    by_day: dict[date, set[str]] = {}
    for command in commands:
        by_day.setdefault(command.surveyed_on, set()).add(command.customer_id)
    leads = {
        (customer_id, day): manager_id
        for day, customer_ids in by_day.items()
        for customer_id, manager_id in (await portfolio.leads(connection, customer_ids, day)).items()
    }
    return Consulted(await seal_texts(connection, commands), leads)


async def listed(
    connection: AsyncConnection, customer_id: str, after: str, limit: int, as_of: date | None = None
) -> list[Survey]:
    """The surveys of a customer in the order in which they were recorded, beyond a place; with a day, those until
    then."""
    rows = await connection.execute(
        text(
            "SELECT survey_id, customer_id, manager_id, score, surveyed_on, sealed FROM survey "
            "WHERE customer_id = :id AND survey_id > :after "
            "AND surveyed_on <= coalesce(cast(:day AS date), 'infinity') ORDER BY survey_id LIMIT :limit"
        ),
        {"id": customer_id, "after": after, "limit": limit, "day": as_of},
    )
    return [Survey(**row._mapping) for row in rows]


async def satisfaction(
    connection: AsyncConnection, manager_id: str, first: date, last: date
) -> dict[str, object]:
    """How many surveys concern a manager from a day to a day, and the mean of their scores."""
    rows = await connection.execute(
        text(
            "SELECT count(*) AS count, coalesce(sum(score), 0) AS total FROM survey "
            "WHERE manager_id = :id AND surveyed_on BETWEEN :first AND :last"
        ),
        {"id": manager_id, "first": first, "last": last},
    )
    count, total = rows.one()
    return {"manager_id": manager_id, "count": count, "mean": mean(total, count)}
