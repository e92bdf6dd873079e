"""Table ``policy``: every policy that was set, in order = ``GET /v1/policies``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.policy import STREAM, Policies, PolicySet, PolicyTerms
from shared.infrastructure.database import driver_of
from shared.infrastructure.fold import Fold, put, readers
from shared.kernel.event import StoredEvent


class PolicyView:
    """One row a change of policy; ``number`` is the policy stream's version."""

    tables = ("policy",)
    takes = frozenset({PolicySet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for changes in (await POLICY_CHANGES.after(connection, events)).values():
            await put(connection, "policy", changes)


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """The terms set from a day on, as JSON; ``number`` is the policy stream's version."""

    number: int
    effective_from: date
    terms: str


def _set(changes: Sequence[PolicyChange], event: StoredEvent) -> Sequence[PolicyChange]:
    fact = event.fact
    assert isinstance(fact, PolicySet)  # the only event of the stream
    terms = fact.model_dump_json(include=set(PolicyTerms.model_fields), exclude_none=True)
    return [*changes, PolicyChange(event.version, fact.effective_from, terms)]


POLICY_CHANGES: Fold[Sequence[PolicyChange]] = Fold(lambda event: _set((), event), _set, readers(PolicySet))


async def policies(connection: AsyncConnection, as_of: date | None = None) -> Policies:
    """All policies, as the rules want them; with a day, as they were set by its end."""
    if as_of is not None:
        changes = (await POLICY_CHANGES.as_of(connection, [STREAM], as_of)).get(STREAM, ())
        return _read((one.effective_from, one.terms) for one in changes)
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT effective_from, terms::text FROM policy ORDER BY number")
    return _read(rows)


def _read(changes: Iterable[tuple[date, str]]) -> Policies:
    return Policies.of([(day, PolicyTerms.model_validate_json(terms)) for day, terms in changes])
