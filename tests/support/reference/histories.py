"""Random histories in the order of their arrival: of core events alone, or of every fact that a bank knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.support.reference.example import PRODUCTS, core_event
from tests.support.reference.ledger import ReferenceLedger
from tests.support.reference.rules import DRIVERS, FEE_LINES, PROVISION_RATES, Refused, month_after, months_of

_sums = st.one_of(
    st.integers(1, 9).map(lambda cents: f"0.0{cents}"),
    st.integers(1, 10**8).map(lambda cents: str(Decimal(cents).scaleb(-2))),
)
_odd_sums = st.sampled_from(["0", "0.00", "-5.00", "1.234", "1e5", "", "٥", 5, 1.5, None, "1000000000000000"])
_days = st.dates(date(2026, 6, 28), date(2026, 9, 3)).map(date.isoformat)


def _mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda draw: usual if draw else odd)


KINDS = (
    "DepositPosted",
    "LoanDisbursed",
    "LoanDisbursed",
    "LoanRepaid",
    "LoanRepaid",
    "LoanReclassified",
    "LoanReclassified",
    "LoanWrittenOff",
    "LoanRecovered",
    "FeeCharged",
    "CostIncurred",
)


@st.composite
def random_core_event(
    draw: st.DrawFn,
    loans: Sequence[str] = ("l1", "l2", "l3"),
    products: Sequence[str] = tuple(sorted(PRODUCTS)),
    kinds: Sequence[str] = KINDS,
    days: st.SearchStrategy[str] = _days,
) -> dict[str, Any]:
    """One core event of any kind, now and then one that must be refused. Its id is free to be given."""
    kind = draw(st.sampled_from(kinds))
    sums = _mostly(_sums, _odd_sums)
    data: dict[str, Any] = {
        "customer_id": draw(st.sampled_from(["c1", "c2", "c3"])),
        "product_code": draw(_mostly(st.sampled_from(products), st.just("XXX"))),
    }
    if draw(st.booleans()):
        data["currency"] = draw(_mostly(st.just("CNY"), st.just("USD")))
    if kind.startswith("Loan"):
        data["loan_id"] = draw(st.sampled_from(loans))
    match kind:
        case "DepositPosted":
            data["account_id"] = "a-" + data["customer_id"]
            data["amount"] = draw(_mostly(st.one_of(_sums, _sums.map(lambda paid: "-" + paid)), _odd_sums))
        case "LoanRepaid":
            data["principal"] = draw(st.one_of(st.just("0.00"), sums))
            data["interest"] = draw(st.one_of(st.just("0.00"), sums))
        case "LoanReclassified":
            data["to_class"] = draw(_mostly(st.sampled_from(sorted(PROVISION_RATES)), st.just("rotten")))
        case "LoanWrittenOff":
            pass
        case "FeeCharged":
            data["kind"] = draw(_mostly(st.sampled_from(sorted(FEE_LINES)), st.just("tip")))
            data["amount"] = draw(sums)
        case _:
            data["amount"] = draw(sums)
    if kind == "CostIncurred" and draw(st.booleans()):
        data["manager_id"] = draw(st.sampled_from(["m1", "m9"]))
        if draw(st.booleans()):
            del data["customer_id"]
    return core_event("", kind, draw(days), **data)


@st.composite
def random_history(draw: st.DrawFn, least: int = 1, most: int = 40) -> list[dict[str, Any]]:
    """Core events in the order of their arrival; now and then an id comes again."""
    events = draw(st.lists(random_core_event(), min_size=least, max_size=most))
    for number, event in enumerate(events):
        again = draw(st.integers(0, 14)) == 0
        event["id"] = f"e{draw(st.integers(0, number)) if again else number}"
    return events


# --- every fact that a bank knows ---


@dataclass(frozen=True)
class Posted:
    """Core events that arrive together."""

    events: tuple[dict[str, Any], ...]

    def tell(self, ledger: ReferenceLedger) -> list[str]:
        """What becomes of each event."""
        return [outcome_of(ledger, event) for event in self.events]


@dataclass(frozen=True)
class Assigned:
    """Who looks after a customer from a day on."""

    customer_id: str
    since: date
    shares: Mapping[str, str]

    def tell(self, ledger: ReferenceLedger) -> list[str]:
        """The word is always taken."""
        ledger.assign(self.customer_id, self.since, self.shares)
        return ["accepted"]


@dataclass(frozen=True)
class PolicySet:
    """Terms from a month on."""

    month: str
    terms: Mapping[str, Any]

    def tell(self, ledger: ReferenceLedger) -> list[str]:
        """The word is always taken; a closed month takes it when something late makes it be computed again."""
        ledger.set_policy(self.month, **self.terms)
        return ["accepted"]


@dataclass(frozen=True)
class ProductMoved:
    """A product's department from a day on."""

    product_code: str
    since: date
    department: str

    def tell(self, ledger: ReferenceLedger) -> list[str]:
        """The word is always taken; what is booked stays where it is."""
        ledger.products.append((self.product_code, self.since, self.department))
        return ["accepted"]


@dataclass(frozen=True)
class PoolDeclared:
    """Costs to be spread at the close of a month."""

    period: str
    pool: str
    amount: str
    driver: str

    def tell(self, ledger: ReferenceLedger) -> list[str]:
        """A pool for a closed month is refused."""
        try:
            ledger.declare_pool(self.period, self.pool, self.amount, self.driver)
        except Refused:
            return ["rejected"]
        return ["accepted"]


@dataclass(frozen=True)
class Closed:
    """A month close; without a month, of the one whose turn it is."""

    month: str | None = None

    def month_for(self, ledger: ReferenceLedger) -> str:
        """The month to close by what the ledger has closed already."""
        if self.month is not None:
            return self.month
        if ledger.closed_through is not None:
            return month_after(ledger.closed_through)
        return min(ledger.months_to_close(), default=MONTHS[0])

    def tell(self, ledger: ReferenceLedger) -> list[str]:
        """A close out of turn is refused."""
        try:
            ledger.close(self.month_for(ledger))
        except Refused:
            return ["rejected"]
        return ["accepted"]


BankFact = Posted | Assigned | PolicySet | ProductMoved | PoolDeclared | Closed

MONTHS = [month for month in months_of("2026") if "2026-06" <= month <= "2026-10"]
"""The months of ``random_bank_history``; their order is that of their names."""

MOVING = "MOV"
"""A product that every bank of ``random_bank_history`` has, and that changes its department in August."""

OWNERS = {"l1": "c1", "l2": "c2", "l3": "c3"}
"""Whose loan is whose in every bank of ``random_bank_history``."""

BANK_PRODUCTS = [
    *((code, date(1900, 1, 1), department) for code, department in PRODUCTS.items()),
    (MOVING, date(1900, 1, 1), "deposits"),
    (MOVING, date(2026, 8, 10), "retail"),
]


def outcome_of(ledger: ReferenceLedger, event: Mapping[str, Any]) -> str:
    """What becomes of a core event: "accepted", "duplicate" or "rejected"."""
    try:
        return ledger.book(event["id"], event["type"], event["data"])
    except Refused:
        return "rejected"


_shares = st.sampled_from(
    [
        {},
        {"m1": "1"},
        {"m1": "0.6", "m2": "0.4"},
        {"m3": "0.5", "m2": "0.5"},
        {"m1": "0.3333", "m2": "0.3333", "m3": "0.3334"},
    ]
)
_effective = [date(2026, 7, 1), date(2026, 7, 20), date(2026, 8, 10), date(2026, 9, 1)]
_edges = [date(2026, 6, 30), *_effective, date(2026, 7, 19), date(2026, 8, 9), date(2026, 8, 31)]
_bank_days = st.one_of(st.sampled_from(_edges).map(date.isoformat), _days)
_bank_events = random_core_event(
    products=["DEM", MOVING, MOVING, "AGT", "TRM"],
    kinds=[*KINDS, "DepositPosted", "DepositPosted", "DepositPosted"],
    days=_bank_days,
)
_rates = st.sampled_from(["0", "1.5", "2.75", "3.333", "12"])
_policies = st.fixed_dictionaries(
    {},
    optional={
        "deposit_rate": _rates,
        "lend_out_rate": _rates,
        "borrow_in_rate": _rates,
        "day_basis": st.sampled_from([360, 365]),
        "provision_rates": st.dictionaries(st.sampled_from(sorted(PROVISION_RATES)), _rates, min_size=1),
    },
)
_bank_facts: dict[str, st.SearchStrategy[Any]] = {
    "posted": st.lists(_bank_events, min_size=1, max_size=6).map(lambda events: Posted(tuple(events))),
    "assigned": st.builds(
        Assigned,
        st.sampled_from(["c1", "c2", "c3"]),
        st.one_of(st.sampled_from(_effective), st.dates(date(2026, 6, 20), date(2026, 9, 10))),
        _shares,
    ),
    "pool": st.builds(
        PoolDeclared,
        st.sampled_from(MONTHS[:-1]),
        st.sampled_from(["it", "hr"]),
        st.integers(1, 10**7).map(lambda cents: str(Decimal(cents).scaleb(-2))),
        st.sampled_from(DRIVERS),
    ),
    "policy": st.builds(PolicySet, st.sampled_from(MONTHS), _policies),
    "moved": st.builds(
        ProductMoved,
        st.sampled_from([MOVING, "AGT"]),
        st.dates(date(2026, 6, 20), date(2026, 9, 10)),
        st.sampled_from(["deposits", "retail", "private"]),
    ),
    "closed": st.builds(Closed),
    "out of turn": st.builds(Closed, st.sampled_from(MONTHS)),
}
_often = [
    *["posted"] * 7,
    *["assigned"] * 6,
    *["closed"] * 3,
    *["pool"] * 2,
    "policy",
    "moved",
    "out of turn",
]


_opening_days = st.dates(date(2026, 6, 28), date(2026, 7, 31)).map(date.isoformat)
_opening_sums = st.integers(10**7, 10**9).map(lambda cents: str(Decimal(cents).scaleb(-2)))


@st.composite
def _opening(draw: st.DrawFn) -> Posted:
    """Each customer has an account and a loan of sums that bear interest."""
    events = []
    for number, customer_id in enumerate(sorted(OWNERS.values()), start=1):
        paid = {"account_id": f"a-{customer_id}", "product_code": draw(st.sampled_from(["DEM", MOVING]))}
        lent = {"loan_id": f"l{number}", "product_code": "TRM"}
        for kind, terms in (("DepositPosted", paid), ("LoanDisbursed", lent)):
            amount = draw(_opening_sums)
            event = core_event("", kind, draw(_opening_days), customer_id=customer_id, amount=amount, **terms)
            events.append(event)
    return Posted(tuple(draw(st.permutations(events))))


@st.composite
def random_bank_history(draw: st.DrawFn, least: int = 8, most: int = 20) -> list[BankFact]:
    """Facts of every kind in the order of their arrival, closes in between and one at the end."""
    kinds = draw(st.lists(st.sampled_from(_often), min_size=least, max_size=most))
    facts: list[BankFact] = [draw(_opening()), *(draw(_bank_facts[kind]) for kind in [*kinds, "closed"])]
    posted = (event for fact in facts if isinstance(fact, Posted) for event in fact.events)
    for number, event in enumerate(posted):
        owner = OWNERS.get(event["data"].get("loan_id"))
        if owner and draw(st.integers(0, 19)):
            event["data"]["customer_id"] = event["subject"] = owner
        again = number > len(OWNERS) * 2 and draw(st.integers(0, 19)) == 0
        event["id"] = f"e{draw(st.integers(0, number - 1)) if again else number}"
    return facts
