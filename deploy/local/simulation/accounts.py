"""What deposit accounts do, and the fees and direct costs that come with customers. Amounts are minor units.

Nobody draws more than a part of what is there, so balances find their level and never fall below zero.
"""

from dataclasses import dataclass

from deploy.local.simulation.desk import Desk, Routine
from deploy.local.simulation.people import PRODUCTS, Customer, Manager
from shared.kernel.money import MINOR_UNITS, format_money

_TERM_DEPOSIT_STEP = 10_000 * MINOR_UNITS
_TERMS = ((92, 145), (183, 165), (365, 195))
"""Days of a term deposit and its interest in basis points a year."""


@dataclass(slots=True)
class Account:
    """A deposit account and its balance."""

    desk: Desk
    customer: Customer
    id: str
    product_code: str
    balance: int = 0

    def move(self, amount: int) -> None:
        """Pay in (+) or draw (−); nothing is posted for zero."""
        if amount:
            self.balance += amount
            fields = {"account_id": self.id, "amount": format_money(amount)}
            self.desk.post("DepositPosted", self.customer.id, self.product_code, fields)

    def draw_some(self, least_percent: int, most_percent: int) -> None:
        """Draw some part of the balance."""
        self.move(-(self.balance * self.desk.between(least_percent, most_percent) // 100))


def demand_account(desk: Desk, customer: Customer) -> Account:
    """The current account that every customer has; it is opened by its first posting."""
    return Account(desk, customer, f"a{customer.id[1:]}-0", "DEM")


def usual(desk: Desk, customer: Customer, low: int, high: int) -> int:
    """An amount of ``low`` to ``high`` whole units, at the customer's size."""
    return desk.between(low * MINOR_UNITS, high * MINOR_UNITS) * customer.size // 100


def household(account: Account) -> Routine:
    """A private account: a salary each month, and one to three withdrawals after it."""
    desk, customer = account.desk, account.customer
    yield desk.later(0, 20)
    account.move(usual(desk, customer, 2_000, 40_000))
    salary, payday = usual(desk, customer, 5_000, 18_000), desk.between(1, 28)
    while True:
        yield desk.next_day_of_month(payday)
        account.move(salary)
        for _ in range(desk.between(1, 3)):
            yield desk.later(1, 8)
            account.draw_some(4, 30)


def company(account: Account) -> Routine:
    """A business account: money in and out every few days, around a turnover of its own."""
    desk, customer = account.desk, account.customer
    yield desk.later(0, 10)
    turnover = usual(desk, customer, 80_000, 900_000)
    account.move(turnover)
    while True:
        yield desk.later(2, 9)
        if desk.chance(50):
            account.move(turnover * desk.between(3, 25) // 100)
        else:
            account.draw_some(3, 22)


def term_deposits(account: Account) -> Routine:
    """Part of a current account put on term, paid back at maturity with its interest, again and again."""
    desk, customer = account.desk, account.customer
    number = 0
    while True:
        yield desk.later(10, 60)
        amount = account.balance * desk.between(30, 60) // 100
        amount -= amount % _TERM_DEPOSIT_STEP
        if not amount:
            continue
        number += 1
        term = Account(desk, customer, f"a{customer.id[1:]}-{number}", "FIX")
        days, rate = desk.random.choice(_TERMS)
        account.move(-amount)
        term.move(amount)
        yield desk.day + days
        term.move(-amount)
        account.move(amount + amount * rate * days // (360 * 10_000))


def fees(desk: Desk, customer: Customer, kind: str, product_code: str, low: int, high: int) -> Routine:
    """A fee of ``low`` to ``high`` whole units about once a month."""
    while True:
        yield desk.later(15, 45)
        amount = format_money(usual(desk, customer, low, high))
        desk.post("FeeCharged", customer.id, product_code, {"kind": kind, "amount": amount})


def customer_costs(desk: Desk, customer: Customer) -> Routine:
    """Travel, valuations, gifts: now and then, for one of the customer's products."""
    while True:
        yield desk.later(20, 70)
        product_code = desk.random.choice(PRODUCTS)[0]
        amount = format_money(usual(desk, customer, 40, 600))
        desk.post("CostIncurred", customer.id, product_code, {"amount": amount})


def manager_costs(desk: Desk, manager: Manager) -> Routine:
    """A manager's own expenses, claimed once a month."""
    while True:
        yield desk.next_month(desk.between(18, 26))
        product_code = desk.random.choice(PRODUCTS)[0]
        desk.post_manager_cost(manager.id, product_code, desk.between(300, 4_000) * MINOR_UNITS)
