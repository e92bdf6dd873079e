"""What the ledger says (topic ``ledger.events``, one partition per ledger shard, in booking order)."""

from datetime import date
from enum import StrEnum

from shared.contracts.types import Amount, BusinessDate, Contract, Id, Money, Rate
from shared.kernel.books import Book, Line, LoanClass
from shared.kernel.period import last_day, parse_month

TOPIC = "ledger.events"
SOURCE = "ledger"


class Cause(Contract):
    """The message that an entry books."""

    id: str
    type: str
    source: str


class Move(Contract):
    """What changed hands in the manager book: over all centres, a line's moves of a period add up to zero.

    Those of flows are told apart by account; those of stocks, and all in older messages, name none.
    """

    line: Line
    centre_id: str
    period: str
    adjusts_period: str | None = None
    account_id: Id | None = None
    amount: Money


class LoanAfter(Contract):
    """A loan as an entry left it: what is outstanding, and the provision (拨备) ``held`` against it.

    Written off, it is ``closed``: nothing is outstanding or held, and ``loan_class`` is that of the day.
    ``provision_rate`` (拨备率) is the percentage that the entry's ``policy`` gives the class, or gives a loss where the
    loan is closed; entries from before it was stated have none.
    """

    loan_id: Id
    loan_class: LoanClass
    outstanding: Money
    held: Money
    closed: bool
    provision_rate: Rate | None = None


class EntryBooked(Contract):
    """One entry (记账凭证): totals per line, and what each centre of either book got of it.

    ``entry_id`` is the id of the cause where the cause is a core event: one cause, one entry. Contra legs are left
    out, being the negative of each line's total. Within a line, both books add up to ``lines``. ``moves`` come on
    top of ``books`` and have periods of their own: an assignment change, or a late event before one, lets stocks
    and results change hands. An entry with ``adjusts_period`` is dated in that closed month and counts in ``period``.
    ``loan`` is there where the cause is a loan event, whether or not it moved the balance or the provision. ``policy``
    is the version that was in force for the month of ``business_date``: the month from which it holds, or ``default``.
    """

    entry_id: str
    cause: Cause
    business_date: BusinessDate
    period: str
    adjusts_period: str | None = None
    lines: dict[Line, Money]
    books: dict[Book, dict[Line, dict[str, Money]]]
    moves: tuple[Move, ...] = ()
    customer_id: Id | None = None
    account_id: Id | None = None
    product_code: Id | None = None
    department_id: Id | None = None
    loan: LoanAfter | None = None
    policy: str | None = None


class Driver(StrEnum):
    """What a cost pool is spread by (分摊动因)."""

    REVENUE = "revenue"
    BALANCES = "balances"
    ENTRIES = "entries"


class _OfMonth(Contract):
    """A fact about a whole month, dated its last day."""

    period: str

    @property
    def business_date(self) -> date:
        return last_day(parse_month(self.period))


class CostPoolDeclared(_OfMonth):
    """Indirect costs (间接成本) to be spread when the month closes. A later word on the same pool replaces it."""

    pool: Id
    amount: Amount
    driver: Driver

    @property
    def stream(self) -> str:
        return f"pool-{self.period}:{self.pool}"


class ComputedFrom(Contract):
    """Where the ledger stood: the last position of each shard, and the SHA-256 of their chains' hashes in order."""

    positions: dict[int, int]
    hash: str


class _CentreResult(_OfMonth):
    """A centre's closed month: every line, stocks at its end, ten-day averages and measures."""

    centre_id: str
    lines: dict[Line, Money]
    stocks: dict[Line, Money]
    averages: dict[Line, Money]
    measures: dict[str, Money]
    computed_from: ComputedFrom


class ManagerResultStated(_CentreResult):
    """What a month that closed gave a centre of the manager book."""

    @property
    def stream(self) -> str:
        return f"manager-{self.centre_id}#results"

    @property
    def own_event_id(self) -> str:
        return f"result-{self.period}~manager~{self.centre_id}"


class DepartmentResultStated(_CentreResult):
    """What a month that closed gave a centre of the department book."""

    @property
    def stream(self) -> str:
        return f"department-{self.centre_id}#results"

    @property
    def own_event_id(self) -> str:
        return f"result-{self.period}~department~{self.centre_id}"


class CustomerResultStated(_OfMonth):
    """What a month that closed brought from a customer, before costs that only centres bear; stocks at its end.

    Stated for each customer with anything booked in the month; the stocks of the others stand as stated last.
    ``products`` are the codes of those that it was booked on, in order; events from before they were stated have
    none.
    """

    customer_id: Id
    lines: dict[Line, Money]
    stocks: dict[Line, Money]
    products: tuple[Id, ...] = ()

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}#results"

    @property
    def own_event_id(self) -> str:
        return f"result-{self.period}~customer~{self.customer_id}"


ResultStated = ManagerResultStated | DepartmentResultStated | CustomerResultStated


class PeriodClosed(_OfMonth):
    """A month is closed: nothing is booked in it after this. ``trued_up`` are the closed months that it adjusted."""

    entries: int
    managers: int
    departments: int
    customers: int
    trued_up: list[str]
    lines: dict[Line, Money]
    computed_from: ComputedFrom

    @property
    def stream(self) -> str:
        return "period-bank"

    @property
    def own_event_id(self) -> str:
        return f"close-{self.period}"
