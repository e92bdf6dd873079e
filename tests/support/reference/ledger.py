"""The ledger: takes facts in order of arrival, and after each one books what both books lack."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.support.reference import close as closing
from tests.support.reference.attribution import Place, RefEvent, Timeline, manager_book
from tests.support.reference.books import BOOKS, Books, RefLeg
from tests.support.reference.rules import (
    DRIVERS,
    FEE_LINES,
    POLICY,
    PROVISION_RATES,
    ZERO,
    Refused,
    contra_of,
    last_day,
    month_after,
    month_of,
    months_between,
    rounded,
)


@dataclass
class RefLoan:
    """A loan as §5 and §6 speak of it."""

    customer_id: str
    outstanding: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    loan_class: str = "normal"
    written_off: bool = False


@dataclass
class ReferenceLedger(Books):
    """Everything is public and may be set before booking.

    ``products`` and ``assignments`` are in the order in which they were told; ``provision_rates`` and ``terms``
    (the other terms of the policy) are by the month from which they hold. ``facts`` counts what was accepted:
    ``known(n)`` are the books after the first n facts.
    """

    currency: str = "CNY"
    products: list[tuple[str, date, str]] = field(default_factory=list)
    assignments: list[tuple[str, date, Mapping[str, str]]] = field(default_factory=list)
    provision_rates: dict[str, Mapping[str, Decimal]] = field(default_factory=dict)
    terms: dict[str, Mapping[str, Decimal]] = field(default_factory=dict)
    loans: dict[str, RefLoan] = field(default_factory=dict)
    booked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    events: list[RefEvent] = field(default_factory=list)
    pools: dict[tuple[str, str], tuple[Decimal, str]] = field(default_factory=dict)
    closed_through: str | None = None
    facts: int = 0
    _legs_of: dict[str | None, list[RefLeg]] = field(default_factory=lambda: defaultdict(list))
    _events_of_customer: dict[str | None, list[RefEvent]] = field(default_factory=lambda: defaultdict(list))

    # --- what holds on a day ---

    def department_of(self, product_code: str, day: date) -> str:
        """The department that the catalogue names for the latest date up to the day."""
        known = [(since, number, department)
                 for number, (code, since, department) in enumerate(self.products)
                 if code == product_code and since <= day]  # fmt: skip
        if not known:
            raise Refused("product_code")
        return max(known)[2]

    def timeline_of(self, customer_id: str | None) -> Timeline:
        """All that was told about who looks after a customer."""
        return Timeline(
            (since, shares) for customer, since, shares in self.assignments if customer == customer_id
        )

    def shares_on(self, customer_id: str, day: date) -> Mapping[str, Decimal]:
        """Who looks after a customer on a day."""
        return self.timeline_of(customer_id).on(day)

    def rate_of(self, loan_class: str, day: date) -> Decimal:
        """The provision rate that is in force for a day's month."""
        return _in_force(PROVISION_RATES, self.provision_rates, month_of(day))[loan_class]

    def policy_of(self, month: str) -> Mapping[str, Decimal]:
        """The other terms of the policy that is in force for a month."""
        return _in_force(POLICY, self.terms, month)

    def is_closed(self, month: str) -> bool:
        """Closing a month closes all before it."""
        return self.closed_through is not None and month <= self.closed_through

    def period_of(self, month: str) -> tuple[str, str | None]:
        """Where legs of a month are booked now, and the month that they adjust."""
        if self.closed_through is None or month > self.closed_through:
            return month, None
        return month_after(self.closed_through), month

    def months_to_close(self) -> set[str]:
        """The months that have legs or cost pools."""
        return {leg.period for leg in self.legs} | {period for period, _ in self.pools}

    def known(self, facts: int) -> Books:
        """The books as they stood after the first facts."""
        return Books([leg for leg in self.legs if leg.entry <= facts])

    # --- the bank's own facts ---

    def set_policy(
        self,
        month: str,
        *,
        provision_rates: Mapping[str, Decimal | str] | None = None,
        **terms: Decimal | str | int,
    ) -> None:
        """Set terms from a month on; those left out stay as they were."""
        rates = {name: Decimal(rate) for name, rate in (provision_rates or {}).items()}
        self.provision_rates[month] = {**self.provision_rates.get(month, {}), **rates}
        assert set(terms) <= set(POLICY), terms
        said = {name: Decimal(term) for name, term in terms.items()}
        self.terms[month] = {**self.terms.get(month, {}), **said}
        self.facts += 1

    def declare_pool(self, period: str, pool: str, amount: Decimal | str, driver: str) -> None:
        """Declare costs to be spread at the close of a month; the same pool declared again replaces the earlier."""
        if self.is_closed(period):
            raise Refused("period")
        if driver not in DRIVERS:
            raise Refused("driver")
        if not Decimal(amount) > 0:
            raise Refused("amount")
        self.pools[period, pool] = Decimal(amount), driver
        self.facts += 1

    def assign(
        self, customer_id: str, effective_from: date, shares: Mapping[str, str], event_id: str | None = None
    ) -> None:
        """Hear who looks after a customer from a day on, and book what that changes (§7)."""
        if shares and sum(map(Decimal, shares.values())) != 1:
            raise Refused("shares")
        self.assignments.append((customer_id, effective_from, shares))
        self.facts += 1
        self.settle(event_id or f"assigned-{self.facts}", customer_id)

    # --- booking core events ---

    def book(self, event_id: str, kind: str, data: Mapping[str, Any]) -> str:
        """Book an event: "accepted" or "duplicate"; raises Refused. The unreadable is never a duplicate."""
        outcome = self.take(event_id, kind, data)
        if outcome == "accepted":
            self.settle(event_id, data.get("customer_id"))
        return outcome

    def take(self, event_id: str, kind: str, data: Mapping[str, Any]) -> str:
        """Book an event in the department book; the manager book follows when it is settled."""
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
        customer_id, period = data.get("customer_id"), self.period_of(month_of(day))[0]
        account = data.get("loan_id") or data.get("account_id")
        event = RefEvent(event_id, customer_id, data.get("manager_id"), day, account, data["product_code"],
                         department, {line: total for line, total in totals.items() if total}, period)  # fmt: skip
        self.booked[event_id] = data
        self.events.append(event)
        self._events_of_customer[customer_id].append(event)
        self.facts += 1
        for line, total in event.totals.items():
            place = Place(department, line, day, account, event.product_code, department)
            self._add_legs(event_id, "department", customer_id, {place: total})
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

    # --- both books ---

    def settle(self, event_id: str, customer_id: str | None) -> None:
        """Book what the manager book of a customer lacks to what it would be had all been known from the start."""
        events = self._events_of_customer[customer_id]
        lacking: dict[Place, Decimal] = defaultdict(
            Decimal, manager_book(events, self.timeline_of(customer_id))
        )
        for leg in self._legs_of[customer_id]:
            if leg.book == "manager" and not leg.contra:
                assert leg.product_code is not None
                assert leg.department is not None
                lacking[
                    Place(leg.centre, leg.line, leg.day, leg.account, leg.product_code, leg.department)
                ] -= leg.amount
        self._add_legs(
            event_id, "manager", customer_id, {place: rest for place, rest in lacking.items() if rest}
        )

    def _add_legs(
        self, event_id: str, book: str, customer_id: str | None, amounts: Mapping[Place, Decimal]
    ) -> None:
        """Legs in one book, and a contra leg for whatever they do not sum to zero on."""
        contra: dict[Place, Decimal] = defaultdict(Decimal)
        for place, amount in amounts.items():
            contra[place._replace(centre=contra_of(place.line))] -= amount
        for places, is_contra in ((amounts, False), (contra, True)):
            for place, amount in places.items():
                if amount:
                    period, adjusts = self.period_of(month_of(place.day))
                    leg = RefLeg(event_id, book, place.line, place.centre, is_contra, amount, place.day, period,
                                 adjusts, customer_id, place.account, place.product_code, place.department,
                                 self.facts)  # fmt: skip
                    self.legs.append(leg)
                    self._legs_of[customer_id].append(leg)

    # --- the month close ---

    def close(self, month: str) -> None:
        """Close a month (§8); a month that is closed already stays as it is."""
        if self.is_closed(month):
            return
        if self.closed_through is None and any(due < month for due in self.months_to_close()):
            raise Refused("period")
        if self.closed_through is not None and month != month_after(self.closed_through):
            raise Refused("period")
        figures = {late: self._true_up(late) for late in self._months_to_true_up(month)}
        figures[month] = closing.interest(self, month, self.policy_of(month))
        figures[month]["allocated_cost"] = self._allocated(month)
        self.facts += 1
        for about, lines in sorted(figures.items()):
            for line, cells in lines.items():
                for cell, amount in sorted(cells.items()):
                    self._add_close_legs(month, about, line, cell, amount)
        self.closed_through = month

    def _true_up(self, late: str) -> dict[str, dict[closing.Cell, Decimal]]:
        """What a closed month's figures lack to what they would be by all that is known now."""
        lacking = closing.interest(self, late, self.policy_of(late))
        for leg in self.legs:
            if leg.book == "manager" and leg.line in lacking and leg.origin == late and not leg.contra:
                assert leg.department is not None
                cells, cell = lacking[leg.line], (leg.centre, leg.department)
                cells[cell] = cells.get(cell, ZERO) - leg.amount
        return lacking

    def _allocated(self, month: str) -> dict[closing.Cell, Decimal]:
        """All pools of a month, each spread by its own driver."""
        cells: dict[closing.Cell, Decimal] = defaultdict(Decimal)
        for (period, _), (amount, driver) in self.pools.items():
            if period == month:
                weights = closing.weights_of(driver, self, month, self._events_of(month))
                for cell, part in closing.spread(amount, weights).items():
                    cells[cell] -= part
        return cells

    def _months_to_true_up(self, month: str) -> Iterable[str]:
        """The closed months on or before whose last day legs were booked in the month that closes now."""
        late = [leg.month for leg in self.legs if leg.period == month]
        if self.closed_through is None or not late:
            return []
        return months_between(min(late), self.closed_through)

    def _events_of(self, month: str) -> list[closing.Shared]:
        """The core events of a month, each with the shares of its business date as they are known now."""
        return [
            (event, {event.manager_id: Decimal(1)} if event.manager_id
             else self.timeline_of(event.customer_id).on(event.day))
            for event in self.events if event.period == month
        ]  # fmt: skip

    def _add_close_legs(self, month: str, about: str, line: str, cell: closing.Cell, amount: Decimal) -> None:
        adjusts = about if about != month else None
        for book, centre in zip(BOOKS, cell, strict=True):
            for where, contra, part in ((centre, False, amount), (contra_of(line), True, -amount)):
                if part:
                    leg = RefLeg(f"close-{month}", book, line, where, contra, part, last_day(about), month,
                                 adjusts, department=cell[1], entry=self.facts)  # fmt: skip
                    self.legs.append(leg)


def _in_force(
    default: Mapping[str, Decimal], changes: Mapping[str, Mapping[str, Decimal]], month: str
) -> Mapping[str, Decimal]:
    """The default with what every month up to this one changed."""
    terms = dict(default)
    for since in sorted(changes):
        if since <= month:
            terms.update(changes[since])
    return terms
