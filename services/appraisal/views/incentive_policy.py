"""Table ``incentive_policy``: every incentive policy that was set, in order = ``GET /v1/incentive-policies``."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.incentive import IncentivePolicies, IncentivePolicySet, IncentiveTerms
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_PUT = text(
    "INSERT INTO incentive_policy (number, effective_from, terms) VALUES (:number, :effective_from, :terms)"
)


class IncentivePolicyView:
    """One row a change of policy; ``number`` is the policy stream's version."""

    tables = ("incentive_policy",)
    takes = frozenset({IncentivePolicySet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            fact = event.fact
            if isinstance(fact, IncentivePolicySet):
                terms = fact.model_dump_json(include=set(IncentiveTerms.model_fields), exclude_none=True)
                values = {"number": event.version, "effective_from": fact.effective_from, "terms": terms}
                await connection.execute(_PUT, values)


async def policies(connection: AsyncConnection) -> IncentivePolicies:
    """All policies, as the rules want them."""
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT effective_from, terms::text FROM incentive_policy ORDER BY number")
    return IncentivePolicies.of([(day, IncentiveTerms.model_validate_json(terms)) for day, terms in rows])
