"""Table ``referral``: referrals to product departments and what became of them = ``GET /v1/referrals``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assignment.domain.care.referral import (
    Command,
    Consulted,
    CustomerReferred,
    ReferCustomer,
    ReferralClosed,
    stream_of,
)
from services.assignment.views import manager
from services.assignment.views.portfolio import HELD
from services.assignment.views.record import seal_texts
from shared.infrastructure.fold import Fold, RowView, readers
from shared.kernel.event import StoredEvent
from shared.kernel.money import format_money


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as it stands; need and reason are ``sealed``, the amount is in minor units."""

    referral_id: str
    customer_id: str
    manager_id: str
    department_id: str
    product_code: str | None
    referred_on: date
    status: str
    sealed: str
    closed_on: date | None = None
    amount: int | None = None
    sealed_reason: str | None = None

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.referral_id)

    @property
    def written(self) -> Sequence[str]:
        """What is sealed of it."""
        return (self.sealed,) if self.sealed_reason is None else (self.sealed, self.sealed_reason)

    def shown(self, texts: Mapping[str, str]) -> dict[str, object]:
        """As callers see it, with those texts that they may read."""
        values = asdict(self)
        del values["sealed"], values["sealed_reason"]
        amount = None if self.amount is None else format_money(self.amount)
        return {**values, "amount": amount, "need": texts.get("need"), "reason": texts.get("reason")}


def _begin(event: StoredEvent) -> Referral:
    fact = event.fact
    assert isinstance(fact, CustomerReferred)  # what the stream of a referral begins with
    return Referral(
        referral_id=fact.referral_id,
        customer_id=fact.customer_id,
        manager_id=fact.manager_id,
        department_id=fact.department_id,
        product_code=fact.product_code,
        referred_on=fact.referred_on,
        status="open",
        sealed=fact.sealed,
    )


def _evolve(referral: Referral, event: StoredEvent) -> Referral:
    fact = event.fact
    assert isinstance(fact, ReferralClosed)  # nothing else follows
    return replace(
        referral,
        status=fact.outcome,
        closed_on=fact.closed_on,
        amount=fact.amount,
        sealed_reason=fact.sealed,
    )


REFERRALS = Fold(_begin, _evolve, readers(CustomerReferred, ReferralClosed))


class ReferralView(RowView):
    """One row a referral."""

    tables = ("referral",)
    takes = frozenset({CustomerReferred, ReferralClosed})
    fold = REFERRALS


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose referrals a caller sees: all, or the manager's own, those of the manager's customers on the day,
    and what the department got."""

    all: bool
    day: date
    manager_id: str | None = None
    department_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which referrals a caller asks for; None for any."""

    status: str | None = None
    manager_id: str | None = None
    department_id: str | None = None

    @property
    def lasting(self) -> "Wanted":
        """The part of it that a referral fits for ever or never."""
        return replace(self, status=None)


async def consult(connection: AsyncConnection, commands: Sequence[Command]) -> Consulted:
    """The texts, sealed, and the managers on record among those named."""
    named = {command.particulars.manager_id for command in commands if isinstance(command, ReferCustomer)}
    return Consulted(
        await seal_texts(connection, commands),
        await manager.known(connection, named) if named else frozenset(),
    )


_SELECT = (
    HELD  # noqa: S608  # constants
    + """
    SELECT referral_id, customer_id, manager_id, department_id, product_code, referred_on, status, closed_on,
           amount, sealed, sealed_reason
    FROM referral
    WHERE (:all OR manager_id = cast(:manager_id AS text) OR department_id = cast(:department_id AS text)
           OR customer_id IN (SELECT customer_id FROM held))
    """
)
_FIND = text(_SELECT + " AND referral_id = :referral_id")
_LISTED = text(
    _SELECT
    + """
      AND referral_id > :after
      AND (cast(:status AS text) IS NULL OR status = :status)
      AND (cast(:of_manager AS text) IS NULL OR manager_id = :of_manager)
      AND (cast(:to_department AS text) IS NULL OR department_id = :to_department)
    ORDER BY referral_id LIMIT :limit
    """
)


async def find(connection: AsyncConnection, referral_id: str, scope: Scope) -> Referral | None:
    """A referral that the caller sees."""
    rows = await connection.execute(_FIND, {**asdict(scope), "referral_id": referral_id})
    row = rows.first()
    return Referral(**row._mapping) if row else None


async def listed(
    connection: AsyncConnection, scope: Scope, wanted: Wanted, after: str, limit: int
) -> list[Referral]:
    """What the caller sees of the referrals that are wanted, in the order in which they were made."""
    values = {
        **asdict(scope),
        "after": after,
        "status": wanted.status,
        "of_manager": wanted.manager_id,
        "to_department": wanted.department_id,
        "limit": limit,
    }
    return [Referral(**row._mapping) for row in await connection.execute(_LISTED, values)]


async def open_on(connection: AsyncConnection, customer_ids: Collection[str], day: date) -> list[Referral]:
    """The referrals of these customers of which nothing had become at the end of a day."""
    rows = await connection.execute(
        text("SELECT customer_id, referral_id FROM referral WHERE customer_id = ANY(:ids)"),
        {"ids": list(customer_ids)},
    )
    states = await REFERRALS.as_of(connection, [stream_of(*row) for row in rows], day)
    return [one for one in states.values() if one.status == "open"]
