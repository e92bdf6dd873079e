"""A second, slow ledger written from the accounting rules alone, to compare the real one with.

It shares no code with the services: amounts are Decimal, events are the plain JSON that core banking sends,
and every question walks through all legs. Where it and the ledger differ, one of them is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

CENT = Decimal("0.01")
LINES = (
    "deposit_balance",
    "loan_balance",
    "interest_income",
    "fee_income",
    "settlement_income",
    "credit_risk_income",
    "deposit_cost",
    "ftp_income",
    "ftp_cost",
    "risk_charge",
    "direct_cost",
    "allocated_cost",
)
FEE_LINES = {
    "intermediary": "fee_income",
    "settlement": "settlement_income",
    "credit_risk": "credit_risk_income",
}
PROVISION_RATES = {
    "normal": Decimal(0),
    "special_mention": Decimal(0),
    "substandard": Decimal(30),
    "doubtful": Decimal(50),
    "loss": Decimal(100),
}


def core_event(event_id: str, kind: str, business_date: str, /, **data: Any) -> dict[str, Any]:
    """A core event as core banking sends it: CloudEvents in structured form."""
    subject = data.get("customer_id") or data.get("manager_id")
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "core-banking",
        "type": kind,
        "time": f"{business_date}T09:30:00+08:00",
        **({"subject": subject} if subject else {}),
        "data": {"business_date": business_date, **data},
    }


PRODUCTS = {"DEM": "deposits", "TRM": "lending", "AGT": "intermediary"}
ASSIGNMENTS = {"c1": {"m1": "1"}, "c2": {"m1": "0.6", "m2": "0.4"}}
"""Who looks after whom from 2026-07-01 on, in the worked example (§11)."""

_C1 = {"customer_id": "c1", "currency": "CNY"}
_C2 = {"customer_id": "c2", "currency": "CNY"}
_L1 = {**_C2, "loan_id": "l1", "product_code": "TRM"}
WORKED_EXAMPLE = [
    core_event("e1", "DepositPosted", "2026-07-01", **_C1,
               account_id="a1", product_code="DEM", amount="900000.00"),
    core_event("e2", "DepositPosted", "2026-07-05", **_C2,
               account_id="a2", product_code="DEM", amount="100000.01"),
    core_event("e3", "LoanDisbursed", "2026-07-08", **_L1, amount="600000.00"),
    core_event("e4", "LoanRepaid", "2026-07-15", **_L1, principal="100000.00", interest="2500.00"),
    core_event("e5", "FeeCharged", "2026-07-18", **_C1,
               kind="intermediary", product_code="AGT", amount="800.00"),
    core_event("e6", "LoanReclassified", "2026-07-25", **_L1, to_class="substandard"),
]  # fmt: skip
"""The core events of the worked example (§11)."""


class Refused(Exception):
    """The event must be booked nowhere; ``field`` is what the reason has to name."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def contra_of(line: str) -> str:
    """The contra centre of a line (§4)."""
    match line:
        case "ftp_income" | "ftp_cost":
            return "treasury"
        case "risk_charge":
            return "risk-reserve"
        case "allocated_cost":
            return "overhead"
        case _:
            return "external"


def rounded(exact: Fraction) -> Decimal:
    """Half-even to one hundredth, by Decimal arithmetic on a figure that is exact."""
    cents = exact * 100
    whole, rest = divmod(cents.numerator, cents.denominator)
    twice = 2 * rest
    if twice > cents.denominator or (twice == cents.denominator and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-2)


def split(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """§2, one cent after the other: whoever lacks most of the exact share gets the next one."""
    positive = {centre: Fraction(weight) for centre, weight in weights.items() if weight > 0}
    if not positive:
        return {"unallocated": amount} if amount else {}
    whole, total = abs(amount), sum(positive.values())
    exact = {centre: Fraction(whole) * weight / total for centre, weight in positive.items()}
    parts = {centre: Decimal(int(share * 100)).scaleb(-2) for centre, share in exact.items()}
    while sum(parts.values()) < whole:
        lacking = max(exact[centre] - Fraction(parts[centre]) for centre in parts)
        first = min(centre for centre in parts if exact[centre] - Fraction(parts[centre]) == lacking)
        parts[first] += CENT
    return {centre: part.copy_sign(amount) for centre, part in parts.items() if part}


@dataclass
class RefLoan:
    """A loan as §5 and §6 speak of it."""

    customer_id: str
    outstanding: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    loan_class: str = "normal"
    written_off: bool = False


@dataclass(frozen=True)
class RefLeg:
    """One leg (§1)."""

    event_id: str
    book: str
    line: str
    centre: str
    contra: bool
    amount: Decimal
    day: date

    @property
    def month(self) -> str:
        return self.day.isoformat()[:7]


@dataclass
class ReferenceLedger:
    """Everything is public and may be set before booking.

    ``products`` and ``assignments`` are in the order in which they were told; ``provision_rates`` are by the
    month from which they hold.
    """

    currency: str = "CNY"
    products: list[tuple[str, date, str]] = field(default_factory=list)
    assignments: list[tuple[str, date, Mapping[str, str]]] = field(default_factory=list)
    provision_rates: dict[str, Mapping[str, Decimal]] = field(default_factory=dict)
    loans: dict[str, RefLoan] = field(default_factory=dict)
    legs: list[RefLeg] = field(default_factory=list)
    booked: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    # --- what holds on a day ---

    def department_of(self, product_code: str, day: date) -> str:
        """The department that the catalogue names for the latest date up to the day."""
        known = [(since, number, department)
                 for number, (code, since, department) in enumerate(self.products)
                 if code == product_code and since <= day]  # fmt: skip
        if not known:
            raise Refused("product_code")
        return max(known)[2]

    def shares_on(self, customer_id: str, day: date) -> dict[str, Decimal]:
        """Who looks after a customer on a day."""
        known = [(since, number, shares)
                 for number, (customer, since, shares) in enumerate(self.assignments)
                 if customer == customer_id and since <= day]  # fmt: skip
        shares = max(known, key=lambda one: one[:2])[2] if known else {}
        return {manager: Decimal(share) for manager, share in shares.items()} or {"unassigned": Decimal(1)}

    def rate_of(self, loan_class: str, day: date) -> Decimal:
        """The provision rate that is in force for a day's month."""
        rate = PROVISION_RATES[loan_class]
        for month in sorted(self.provision_rates):
            if month <= day.isoformat()[:7]:
                rate = self.provision_rates[month].get(loan_class, rate)
        return rate

    # --- booking ---

    def book(self, event_id: str, kind: str, data: Mapping[str, Any]) -> str:
        """Book an event: "accepted" or "duplicate"; raises Refused. The unreadable is never a duplicate."""
        day = date.fromisoformat(data["business_date"])
        named = [name for name in ("amount", "principal", "interest") if name in data]
        amounts = {name: self._amount(name, data) for name in named}
        self._check_amounts(kind, amounts)
        if kind == "LoanReclassified" and data["to_class"] not in PROVISION_RATES:
            raise Refused("to_class")
        if kind == "FeeCharged" and data["kind"] not in FEE_LINES:
            raise Refused("kind")
        if event_id in self.booked:
            return "duplicate"
        if data.get("currency", self.currency) != self.currency:
            raise Refused("currency")
        department = self.department_of(data["product_code"], day)
        if kind.startswith("Loan"):
            totals = self._loan_totals(kind, data, amounts, day)
        elif kind == "DepositPosted":
            totals = {"deposit_balance": amounts["amount"]}
        elif kind == "FeeCharged":
            totals = {FEE_LINES[data["kind"]]: amounts["amount"]}
        else:
            assert kind == "CostIncurred"
            totals = {"direct_cost": -amounts["amount"]}
        alone = {data["manager_id"]: Decimal(1)} if "manager_id" in data else None
        shares = alone or self.shares_on(data["customer_id"], day)
        for line, total in totals.items():
            if total:
                self._add_legs(event_id, line, total, shares, department, day)
        self.booked[event_id] = data
        return "accepted"

    def _amount(self, name: str, data: Mapping[str, Any]) -> Decimal:
        text = data[name]
        units, _, places = text.removeprefix("-").partition(".") if isinstance(text, str) else ("", "", "")
        if not (set(units + places) <= set("0123456789") and 0 < len(units) <= 15 and len(places) <= 2):
            raise Refused(name)
        return Decimal(text)

    def _check_amounts(self, kind: str, amounts: Mapping[str, Decimal]) -> None:
        for name, amount in amounts.items():
            if name == "amount" and (amount == 0 or (amount < 0 and kind != "DepositPosted")):
                raise Refused(name)
            if name != "amount" and amount < 0:
                raise Refused(name)
        if kind == "LoanRepaid" and not any(amounts.values()):
            raise Refused("principal")

    def _loan_totals(
        self, kind: str, data: Mapping[str, Any], amounts: Mapping[str, Decimal], day: date
    ) -> dict[str, Decimal]:
        loan = self.loans.get(data["loan_id"])
        if loan is not None and loan.customer_id != data["customer_id"]:
            raise Refused("customer_id")
        if loan is None:
            if kind != "LoanDisbursed":
                raise Refused("loan_id")
            loan = self.loans[data["loan_id"]] = RefLoan(data["customer_id"])
        if kind == "LoanRecovered":
            return {"risk_charge": amounts["amount"]}
        if loan.written_off:
            raise Refused("loan_id")
        if kind == "LoanWrittenOff":
            balance, held = loan.outstanding, loan.held
            loan.outstanding = loan.held = Decimal(0)
            loan.written_off = True
            return {"loan_balance": -balance, "risk_charge": -(balance - held)}
        before = loan.outstanding, loan.loan_class
        totals: dict[str, Decimal] = {}
        if kind == "LoanDisbursed":
            loan.outstanding += amounts["amount"]
            totals["loan_balance"] = amounts["amount"]
        elif kind == "LoanRepaid":
            if amounts["principal"] > loan.outstanding:
                raise Refused("principal")
            loan.outstanding -= amounts["principal"]
            totals["loan_balance"] = -amounts["principal"]
            totals["interest_income"] = amounts["interest"]
        else:
            assert kind == "LoanReclassified"
            loan.loan_class = data["to_class"]
        if (loan.outstanding, loan.loan_class) != before:
            required = rounded(
                Fraction(loan.outstanding) * Fraction(self.rate_of(loan.loan_class, day)) / 100
            )
            totals["risk_charge"] = loan.held - required
            loan.held = required
        return totals

    def _add_legs(
        self,
        event_id: str,
        line: str,
        total: Decimal,
        shares: Mapping[str, Decimal],
        department: str,
        day: date,
    ) -> None:
        for book, parts in (("manager", split(total, shares)), ("department", {department: total})):
            for centre, part in parts.items():
                self.legs.append(RefLeg(event_id, book, line, centre, False, part, day))
            self.legs.append(RefLeg(event_id, book, line, contra_of(line), True, -total, day))

    # --- questions ---

    def totals(self, book: str, months: Iterable[str] | None = None) -> dict[tuple[str, str], Decimal]:
        """Sums by centre and line over months, contra centres left out; all that have legs, zero included."""
        wanted = None if months is None else set(months)
        sums: dict[tuple[str, str], Decimal] = {}
        for leg in self.legs:
            if leg.book == book and not leg.contra and (wanted is None or leg.month in wanted):
                sums[leg.centre, leg.line] = sums.get((leg.centre, leg.line), Decimal(0)) + leg.amount
        return sums

    def stock(self, book: str, centre: str, line: str, day: date) -> Decimal:
        """B(day): what stands at the end of a day."""
        return sum(
            (leg.amount for leg in self.legs
             if (leg.book, leg.centre, leg.line) == (book, centre, line) and leg.day <= day),
            Decimal(0),
        )  # fmt: skip

    def average(self, book: str, centre: str, line: str, last_day: date) -> Decimal:
        """The ten-day average of the month that ends on ``last_day``."""
        days = (last_day.replace(day=10), last_day.replace(day=20), last_day)
        return rounded(sum((Fraction(self.stock(book, centre, line, day)) for day in days), Fraction(0)) / 3)


# --- random histories ---

_sums = st.one_of(
    st.integers(1, 9).map(lambda cents: f"0.0{cents}"),
    st.integers(1, 10**8).map(lambda cents: str(Decimal(cents).scaleb(-2))),
)
_odd_sums = st.sampled_from(["0", "0.00", "-5.00", "1.234", "1e5", "", "٥", 5, 1.5, None, "1000000000000000"])
_days = st.dates(date(2026, 6, 28), date(2026, 9, 3)).map(date.isoformat)


def _mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda draw: usual if draw else odd)


@st.composite
def random_core_event(draw: st.DrawFn, loans: Sequence[str] = ("l1", "l2", "l3")) -> dict[str, Any]:
    """One core event of any kind, now and then one that must be refused. Its id is free to be given."""
    kind = draw(st.sampled_from(_KINDS))
    sums = _mostly(_sums, _odd_sums)
    data: dict[str, Any] = {
        "customer_id": draw(st.sampled_from(["c1", "c2", "c3"])),
        "product_code": draw(_mostly(st.sampled_from(sorted(PRODUCTS)), st.just("XXX"))),
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
    return core_event("", kind, draw(_days), **data)


_KINDS = (
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
def random_history(draw: st.DrawFn, least: int = 1, most: int = 40) -> list[dict[str, Any]]:
    """Core events in the order of their arrival; now and then an id comes again."""
    events = draw(st.lists(random_core_event(), min_size=least, max_size=most))
    for number, event in enumerate(events):
        again = draw(st.integers(0, 14)) == 0
        event["id"] = f"e{draw(st.integers(0, number)) if again else number}"
    return events
