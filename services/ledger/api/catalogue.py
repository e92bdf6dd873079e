"""Products and policy: what the books are computed with."""

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.ledger.domain import catalogue as products
from services.ledger.domain import policy as policies
from services.ledger.domain.catalogue import EVER, DefineProduct
from services.ledger.domain.policy import PolicyTerms, SetPolicy
from services.ledger.views import policy as policy_view
from services.ledger.views import product as product_view
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.infrastructure.auth import Principal, Role, allow
from shared.infrastructure.bank_time import today
from shared.infrastructure.http import Commands, PageQuery, commands, encode_cursor, malformed, page_of
from shared.kernel.errors import Malformed
from shared.kernel.period import format_month, parse_month

router = APIRouter(prefix="/v1", tags=["products and policy"])

Accountant = Annotated[Principal, Depends(allow(Role.ACCOUNTANT))]
Anyone = Annotated[Principal, Depends(allow(*Role))]


class ProductTerms(Contract):
    """Where a product belongs. ``effective_from`` left out: since ever for a new product, today for a known one."""

    department_id: CentreId
    name: Text
    effective_from: BusinessDate | None = None


@router.put("/products/{code}")
async def put_product(
    code: Id, body: ProductTerms, caller: Accountant, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Put a product into the catalogue, or move it to another department from a date on."""
    command = DefineProduct(code, body.department_id, body.name, body.effective_from, today())
    return await desk.submit(
        caller, products.DECIDER, command, lambda accepted: orjson.loads(accepted.events[0].data)
    )


@router.get("/products")
async def list_products(request: Request, page: PageQuery, _: Anyone) -> dict[str, Any]:
    """The catalogue, by product and effective date."""
    code, day = page.after(str, str) or ("", EVER.isoformat())
    try:
        place = code, date.fromisoformat(day)
    except ValueError:
        raise malformed("cursor", "is not the `next` of a page of this list") from None
    async with request.app.state.database.read() as connection:
        found = await product_view.products(connection, place, page.limit)
    if len(found) < page.limit:
        return page_of(found, None)
    return page_of(found, encode_cursor(found[-1]["product_code"], found[-1]["effective_from"]))


class NewPolicy(PolicyTerms, extra="forbid"):
    """Rates as a caller states them: a name that is misspelt would change nothing."""


@router.put("/policies/{month}")
async def put_policy(
    month: str, body: NewPolicy, caller: Accountant, desk: Annotated[Commands, Depends(commands)]
) -> Response:
    """Set rates from a month on; what the body leaves out stays as it was."""
    try:
        command = SetPolicy(parse_month(month), body)
    except Malformed as error:
        raise malformed("month", str(error), place="path") from None
    return await desk.submit(
        caller, policies.DECIDER, command, lambda _: {"effective_from": month, **body.model_dump(mode="json")}
    )


@router.get("/policies")
async def list_policies(request: Request, page: PageQuery, _: Anyone) -> dict[str, Any]:
    """The policy in force from each month on, beginning with the default."""
    async with request.app.state.database.read() as connection:
        known = await policy_view.policies(connection)
    shown = [_shown("default", policies.DEFAULT)]
    shown += [
        _shown(format_month(month), policy)
        for month, policy in zip(known.months, known.policies, strict=True)
    ]
    return page.of(shown, "effective_from")


def _shown(effective_from: str, policy: policies.Policy) -> dict[str, Any]:
    return {
        "effective_from": effective_from,
        "deposit_rate": str(policy.deposit_rate),
        "lend_out_rate": str(policy.lend_out_rate),
        "borrow_in_rate": str(policy.borrow_in_rate),
        "day_basis": policy.day_basis,
        "provision_rates": {name.value: str(rate) for name, rate in policy.provision_rates.items()},
        "ftp": {product: method._asdict() for product, method in policy.matched.items()},
    }
