"""Table ``policy``: every policy that was set, in order = ``GET /v1/policies``."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.policy import Policies, PolicySet, PolicyTerms
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent


class PolicyView:
    """One row a change of policy; ``number`` is the policy stream's version."""

    tables = ("policy",)
    takes = frozenset({PolicySet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if type(event.fact) is PolicySet:
                terms = event.fact.model_dump_json(include=set(PolicyTerms.model_fields), exclude_none=True)
                await connection.execute(
                    text(
                        "INSERT INTO policy (number, effective_month, terms) VALUES (:number, :month, :terms)"
                    ),
                    {"number": event.version, "month": event.fact.effective_month, "terms": terms},
                )


async def policies(connection: AsyncConnection) -> Policies:
    """All policies, as the rules want them."""
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT effective_month, terms::text FROM policy ORDER BY number")
    return Policies.of([(month, PolicyTerms.model_validate_json(terms)) for month, terms in rows])
