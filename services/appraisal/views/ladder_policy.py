"""Table ``ladder_policy``: policies of promotion and demotion as they were set = ``GET /v1/ladder-policies``."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.ladder_policy import LadderPolicies, LadderPolicySet, LadderTerms
from shared.kernel.event import StoredEvent

_PUT = text(
    "INSERT INTO ladder_policy (number, effective_from, terms) VALUES (:number, :effective_from, :terms)"
)


class LadderPolicyView:
    """One row a word of policy; ``number`` is the policy stream's version."""

    tables = ("ladder_policy",)
    takes = frozenset({LadderPolicySet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            fact = event.fact
            if isinstance(fact, LadderPolicySet):
                values = {
                    "number": event.version,
                    "effective_from": fact.effective_from,
                    "terms": fact.terms.model_dump_json(),
                }
                await connection.execute(_PUT, values)


async def policies(connection: AsyncConnection) -> LadderPolicies:
    """All policies, the last word for each day, in order of day."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (effective_from) effective_from, terms::text AS terms FROM ladder_policy "
            "ORDER BY effective_from, number DESC"
        )
    )
    return LadderPolicies({row.effective_from: LadderTerms.model_validate_json(row.terms) for row in rows})
