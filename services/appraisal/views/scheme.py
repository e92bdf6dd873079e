"""Table ``scheme``: every version of every scheme = ``GET /v1/schemes``."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.scheme import Schemes, SchemeSet
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent

_PUT = text(
    "INSERT INTO scheme (scheme_id, version, effective_from, content) "
    "VALUES (:scheme_id, :version, :effective_from, :content)"
)


class SchemeView:
    """One row a version of a scheme."""

    tables = ("scheme",)
    takes = frozenset({SchemeSet})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            fact = event.fact
            if isinstance(fact, SchemeSet):
                values = {
                    "scheme_id": fact.scheme_id,
                    "version": fact.version,
                    "effective_from": fact.effective_from,
                    "content": event.data,
                }
                await connection.execute(_PUT, values)


async def schemes(connection: AsyncConnection) -> Schemes:
    """All schemes, as the rules want them."""
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT content::text FROM scheme ORDER BY scheme_id, version")
    versions: dict[str, list[SchemeSet]] = {}
    for (content,) in rows:
        one = SchemeSet.model_validate_json(content)
        versions.setdefault(one.scheme_id, []).append(one)
    return Schemes(versions)
