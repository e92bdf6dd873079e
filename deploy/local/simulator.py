"""A simulated core bank: an endless supply of realistic, acceptable facts, the same for the same seed.

``simulate`` runs the bank day by day. Each account, loan and source of fees or costs is a routine that says
when it acts next; the agenda holds one place for each, so memory grows with the customers, not with the
time simulated. A longer simulation begins with exactly the events of a shorter one.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from deploy.local.simulation.accounts import (
    company,
    customer_costs,
    demand_account,
    fees,
    household,
    manager_costs,
    term_deposits,
)
from deploy.local.simulation.desk import Desk, Routine
from deploy.local.simulation.loans import business_loans, consumer_loans, mortgage
from deploy.local.simulation.people import (
    Customer,
    Manager,
    assign,
    define_products,
    draw_shares,
    hire_manager,
    welcome_customer,
)
from shared.contracts.envelope import CloudEvent

HAND_OVER_DAYS = (1, 16)
"""Days of the month on which customers change hands."""

_FIRST_YEAR, _LAST_YEAR = 1950, 2190
_REASONS = ("portfolio rebalanced", "closer to the customer", "joint care agreed", "manager relieved")


def simulate(
    seed: int = 1,
    *,
    managers: int = 24,
    customers: int = 600,
    start: date = date(2026, 1, 1),
    months: int = 9,
) -> Iterator[CloudEvent]:
    """The facts of ``months`` months of a bank, in order of business date, registrations first.

    Ids are ``sim-<seed>-<number>``: the same arguments give the same events for ever. Raises ValueError at
    once for a negative seed, a count below one, or years outside 1950 to 2190.
    """
    if seed < 0 or min(managers, customers, months) < 1:
        raise ValueError("seed must not be negative; managers, customers and months must be at least 1")
    end_month = start.year * 12 + start.month - 1 + months
    if start.year < _FIRST_YEAR or end_month >= (_LAST_YEAR + 1) * 12:
        raise ValueError(f"the simulated time must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    after = _same_day(end_month, start.day)
    return _Bank(Desk(seed)).days(managers, customers, start.toordinal(), after.toordinal())


def _same_day(month: int, day: int) -> date:
    """The day of that number in a month counted from year 0, or the last there is."""
    first = date(month // 12, month % 12 + 1, 1)
    same = first + timedelta(days=day - 1)
    return same if same.month == first.month else same - timedelta(days=same.day)


class _Bank:
    """The people of the bank and what they will do next."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._managers: list[Manager] = []
        self._customers: list[Customer] = []
        self._agenda: dict[int, list[Routine]] = {}

    def days(self, managers: int, customers: int, first: int, after: int) -> Iterator[CloudEvent]:
        """All events from the day ``first`` up to, not including, the day ``after``."""
        self._desk.open(first)
        yield from self._founding(managers, customers)
        for day in range(first, after):
            if day > first:
                self._desk.open(day)
                yield from self._hand_overs()
            for routine in self._agenda.pop(day, ()):
                self._go_on(routine, after)
                yield from self._desk.take()

    def _go_on(self, routine: Routine, after: int) -> None:
        wake = next(routine, None)
        while wake == self._desk.day:
            wake = next(routine, None)
        if wake is not None and wake < after:
            self._agenda.setdefault(wake, []).append(routine)

    def _founding(self, managers: int, customers: int) -> Iterator[CloudEvent]:
        """Products, managers, customers and assignments of the first day."""
        desk = self._desk
        define_products(desk)
        yield from desk.take()
        for index in range(managers):
            self._managers.append(hire_manager(desk, index))
            yield from desk.take()
        for index in range(customers):
            self._customers.append(welcome_customer(desk, index, self._managers))
            yield from desk.take()
        for customer in self._customers:
            if customer.cared_for:
                assign(desk, customer, "taken on")
                yield from desk.take()
        today = self._agenda.setdefault(desk.day, [])
        today.extend(manager_costs(desk, manager) for manager in self._managers)
        for customer in self._customers:
            today.extend(_routines(desk, customer))

    def _hand_overs(self) -> Iterator[CloudEvent]:
        """On the days for it, about one customer in a hundred, each at most once, gets other managers."""
        desk = self._desk
        if date.fromordinal(desk.day).day not in HAND_OVER_DAYS:
            return
        count = -(-len(self._customers) // 100)
        for customer in desk.random.sample(self._customers, count):
            manager = desk.random.choice(self._managers)
            shares = () if desk.chance(6) else draw_shares(desk, manager, self._managers)
            if customer.cared_for and shares != customer.shares:
                customer.shares = shares
                assign(desk, customer, desk.random.choice(_REASONS) if shares else "left without a manager")
        yield from desk.take()


def _routines(desk: Desk, customer: Customer) -> Iterator[Routine]:
    """What goes on with one customer; a current account always, the rest by chance."""
    corporate = customer.kind == "corporate"
    account = demand_account(desk, customer)
    yield company(account) if corporate else household(account)
    if desk.chance(25):
        yield term_deposits(account)
    if corporate:
        likely = (
            (60, business_loans(desk, customer)),
            (35, fees(desk, customer, "settlement", "ITS", 50, 900)),
            (15, fees(desk, customer, "settlement", "LCR", 80, 1_500)),
            (45, fees(desk, customer, "intermediary", "AGT", 20, 300)),
        )
    else:
        likely = (
            (15, mortgage(desk, customer)),
            (20, consumer_loans(desk, customer)),
            (12, fees(desk, customer, "intermediary", "WMP", 10, 400)),
            (25, fees(desk, customer, "intermediary", "AGT", 2, 20)),
        )
    yield from (routine for percent, routine in likely if desk.chance(percent))
    if desk.chance(20):
        yield customer_costs(desk, customer)
