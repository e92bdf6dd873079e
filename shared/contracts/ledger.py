"""What the ledger says (topic ``ledger.events``, one partition per ledger shard, in booking order)."""

from shared.contracts.types import BusinessDate, Contract, Id, Money
from shared.kernel.books import Book, Line

TOPIC = "ledger.events"
SOURCE = "ledger"


class Cause(Contract):
    """The message that an entry books."""

    id: str
    type: str
    source: str


class EntryBooked(Contract):
    """One entry (记账凭证): totals per line, and what each centre of either book got of it.

    ``entry_id`` is the id of the cause: one cause, one entry. Contra legs are left out, being the negative of each
    line's total. Within a line, both books add up to ``lines``.
    """

    entry_id: str
    cause: Cause
    business_date: BusinessDate
    period: str
    adjusts_period: str | None = None
    lines: dict[Line, Money]
    books: dict[Book, dict[Line, dict[str, Money]]]
    customer_id: Id | None = None
    account_id: Id | None = None
    product_code: Id | None = None
    department_id: Id | None = None
