"""Table ``product``: the catalogue = ``GET /v1/products``."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.domain.catalogue import Catalogue, ProductDefined
from shared.infrastructure.database import driver_of
from shared.kernel.event import StoredEvent


class ProductView:
    """One row a product and effective date; the later word for the same date replaces the earlier."""

    tables = ("product",)
    takes = frozenset({ProductDefined})

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if type(event.fact) is ProductDefined:
                await connection.execute(
                    text(
                        "INSERT INTO product (product_code, effective_from, department_id, name) "
                        "VALUES (:product_code, :effective_from, :department_id, :name) "
                        "ON CONFLICT (product_code, effective_from) DO UPDATE "
                        "SET department_id = excluded.department_id, name = excluded.name"
                    ),
                    event.fact.model_dump(),
                )


async def catalogue(connection: AsyncConnection) -> Catalogue:
    """The whole catalogue; a bank has some hundred products."""
    driver = await driver_of(connection)
    rows = await driver.fetch("SELECT product_code, effective_from, department_id FROM product")
    return Catalogue.of([tuple(row) for row in rows])


async def products(
    connection: AsyncConnection, after: tuple[str, date], limit: int
) -> list[dict[str, object]]:
    """Products in order of code and effective date, beyond a place."""
    rows = await connection.execute(
        text(
            "SELECT product_code, department_id, name, effective_from FROM product "
            "WHERE (product_code, effective_from) > (:code, :day) ORDER BY product_code, effective_from LIMIT :limit"
        ),
        {"code": after[0], "day": after[1], "limit": limit},
    )
    return [dict(row._mapping) for row in rows]
