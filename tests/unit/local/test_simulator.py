"""The simulated bank: the same for the same seed, and acceptable to the ledger in every single event."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from itertools import islice

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local.registrations import ROUTES, Registration
from deploy.local.simulator import simulate
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.core_banking import (
    CORE_EVENTS,
    CoreEvent,
    CostIncurred,
    DepositPosted,
    LoanDisbursed,
    LoanReclassified,
    LoanRecovered,
    LoanRepaid,
    LoanWrittenOff,
)
from shared.contracts.envelope import CloudEvent
from shared.kernel.books import LoanClass

ARGUMENTS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**64),
        "managers": st.integers(1, 12),
        "customers": st.integers(1, 30),
        "start": st.dates(date(1990, 1, 1), date(2100, 12, 31)),
        "months": st.integers(1, 9),
    }
)
HUNDRED_CUSTOMERS = {"seed": 7, "managers": 9, "customers": 100, "start": date(2026, 1, 1), "months": 6}


@dataclass
class Reference:
    """The core system's rules over again, in the plainest form: what must hold before each event."""

    products: set[str] = field(default_factory=set)
    managers: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    deposits: Counter[str] = field(default_factory=Counter)
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    outstanding: dict[str, int] = field(default_factory=dict)
    classes: dict[str, LoanClass] = field(default_factory=dict)
    written_off: set[str] = field(default_factory=set)
    assigned: dict[str, CustomerAssigned] = field(default_factory=dict)

    def accept(self, event: CloudEvent) -> None:
        assert event.extensions["businessdate"] == event.time[:10]
        assert event.time.endswith("+08:00")
        if event.type in ROUTES:
            self._register(event)
            return
        core = CORE_EVENTS[event.type].model_validate_json(event.data)
        assert core.product_code in self.products
        assert core.business_date.isoformat() == event.extensions["businessdate"]
        if isinstance(core, CostIncurred) and core.manager_id is not None:
            assert core.manager_id in self.managers
            assert event.subject == core.manager_id
        else:
            assert core.customer_id in self.customers
            assert event.subject == core.customer_id
        self._account(core)

    def _register(self, event: CloudEvent) -> None:
        sent = Registration.of(event)
        assert event.subject == sent.aggregate
        match event.type:
            case "ProductDefined":
                self.products.add(sent.aggregate)
            case "ManagerRegistered":
                self.managers.add(sent.aggregate)
            case "CustomerRegistered":
                self.customers.add(sent.aggregate)
            case "CustomerAssigned":
                assigned = CustomerAssigned.model_validate_json(event.data)
                assert assigned.effective_from.isoformat() == event.extensions["businessdate"]
                assert assigned.customer_id in self.customers
                assert {share.manager_id for share in assigned.shares} <= self.managers
                self.assigned[assigned.customer_id] = assigned

    def _account(self, core: CoreEvent) -> None:
        name = type(core).account
        if name is None:
            return
        account = getattr(core, name)
        owner = self.owners.setdefault(account, (str(core.customer_id), core.product_code))
        assert owner == (core.customer_id, core.product_code)
        if isinstance(core, DepositPosted):
            self.deposits[account] += core.amount
            assert self.deposits[account] >= 0
        else:
            self._loan(core, account)

    def _loan(self, core: CoreEvent, loan: str) -> None:
        if isinstance(core, LoanRecovered) and loan in self.written_off:
            return
        assert loan not in self.written_off
        if isinstance(core, LoanDisbursed):
            self.outstanding[loan] = self.outstanding.get(loan, 0) + core.amount
            self.classes.setdefault(loan, LoanClass.NORMAL)
            return
        assert self.outstanding[loan] > 0
        match core:
            case LoanRepaid():
                assert core.principal <= self.outstanding[loan]
                self.outstanding[loan] -= core.principal
            case LoanReclassified():
                assert core.to_class is not self.classes[loan]
                self.classes[loan] = core.to_class
            case LoanWrittenOff():
                self.outstanding[loan] = 0
                self.written_off.add(loan)


def wire(events: Iterable[CloudEvent]) -> Iterator[bytes]:
    return (event.to_structured() for event in events)


@settings(max_examples=25, deadline=None)
@given(ARGUMENTS)
def test_every_event_is_acceptable_when_its_turn_comes(arguments: dict[str, int]) -> None:
    reference = Reference()
    for event in simulate(**arguments):  # type: ignore[arg-type]  # the start is a date
        reference.accept(event)
    assert len(reference.customers) == arguments["customers"]
    assert len(reference.managers) == arguments["managers"]


@settings(max_examples=25, deadline=None)
@given(ARGUMENTS)
def test_dates_never_go_back_and_ids_count_up(arguments: dict[str, int]) -> None:
    events = list(simulate(**arguments))  # type: ignore[arg-type]  # the start is a date
    times = [event.time for event in events]
    assert times == sorted(times)
    assert [event.id for event in events] == [
        f"sim-{arguments['seed']}-{number:06d}" for number in range(1, len(events) + 1)
    ]


@settings(max_examples=10, deadline=None)
@given(ARGUMENTS)
def test_the_same_arguments_give_the_same_bytes(arguments: dict[str, int]) -> None:
    first = wire(simulate(**arguments))  # type: ignore[arg-type]  # the start is a date
    assert list(first) == list(wire(simulate(**arguments)))  # type: ignore[arg-type]


@settings(max_examples=10, deadline=None)
@given(ARGUMENTS)
def test_a_longer_simulation_begins_with_the_shorter_one(arguments: dict[str, int]) -> None:
    shorter = list(simulate(**arguments))  # type: ignore[arg-type]  # the start is a date
    longer = simulate(**{**arguments, "months": arguments["months"] + 1})  # type: ignore[arg-type]
    assert list(islice(longer, len(shorter))) == shorter


def test_the_bytes_are_those_of_every_other_machine() -> None:
    digest = sha256(b"\n".join(wire(simulate(**HUNDRED_CUSTOMERS)))).hexdigest()  # type: ignore[arg-type]
    assert digest == "9ec02839a7e2c9a57cd129733f73ebbfc4dc1064d437f9f73663be0630d9179c"


def test_other_seeds_give_other_banks() -> None:
    one, other = (b"".join(wire(simulate(seed, customers=5, months=1))) for seed in (1, 2))
    assert one.replace(b"sim-1-", b"sim-2-") != other


def test_a_default_simulation_has_everything_that_happens_in_a_bank() -> None:
    events = list(simulate())
    kinds = Counter(event.type for event in events)
    assert set(kinds) == set(CORE_EVENTS) | set(ROUTES)
    data = [(event.type, orjson.loads(event.data)) for event in events]
    assert {one["kind"] for kind, one in data if kind == "FeeCharged"} == {
        "intermediary",
        "settlement",
        "credit_risk",
    }
    assert {one["to_class"] for kind, one in data if kind == "LoanReclassified"} == set(LoanClass)
    costs = [one for kind, one in data if kind == "CostIncurred"]
    assert any("manager_id" in one for one in costs)
    assert any("customer_id" in one for one in costs)
    assert {one["department_id"] for kind, one in data if kind == "ProductDefined"} == {
        "deposits",
        "lending",
        "intermediary",
        "wealth",
        "settlement",
    }


def test_shares_are_whole_some_shared_some_in_four_places_and_a_few_customers_have_nobody() -> None:
    events = list(simulate())
    assigned = [CustomerAssigned.model_validate_json(e.data) for e in events if e.type == "CustomerAssigned"]
    shared = [one.shares for one in assigned if len(one.shares) > 1]
    assert 0 < len(shared) < len(assigned) / 5
    assert all(sum(share.share for share in shares) == Decimal(1) for shares in shared)
    assert any(len(str(share.share)) == len("0.1234") for shares in shared for share in shares)
    assert any(len(shares) == 3 for shares in shared)
    customers = {event.subject for event in events if event.type == "CustomerRegistered"}
    never = customers - {one.customer_id for one in assigned}
    assert 0 < len(never) < len(customers) / 10


def test_hand_overs_take_effect_on_the_day_they_are_issued_and_change_something() -> None:
    start = date(2026, 1, 1)
    known: dict[str, object] = {}
    later = 0
    for event in simulate():
        if event.type == "CustomerAssigned":
            assigned = CustomerAssigned.model_validate_json(event.data)
            assert assigned.shares != known.get(assigned.customer_id)
            known[assigned.customer_id] = assigned.shares
            later += assigned.effective_from > start
    assert later > 50


def test_money_neither_piles_up_nor_runs_out() -> None:
    balance: Counter[int] = Counter()
    for event in simulate(3, customers=200, months=24):
        if event.type == "DepositPosted":
            posted = DepositPosted.model_validate_json(event.data)
            balance[posted.business_date.year] += posted.amount
    assert balance[2026] > 0
    assert abs(balance[2027]) < balance[2026]


def test_events_come_one_by_one() -> None:
    endless = simulate(customers=3, months=12 * 100)
    assert next(endless).type == "ProductDefined"


def test_a_start_late_in_the_month_ends_before_the_same_day() -> None:
    dates = [event.extensions["businessdate"] for event in simulate(start=date(2026, 1, 31), months=1)]
    assert dates[0] == "2026-01-31"
    assert dates[-1] == "2026-02-27"


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": -1},
        {"managers": 0},
        {"customers": 0},
        {"months": 0},
        {"start": date(1949, 12, 31)},
        {"start": date(2190, 12, 1), "months": 1},
    ],
)
def test_arguments_without_sense_are_refused_at_once(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        simulate(**arguments)  # type: ignore[arg-type]  # the start is a date
