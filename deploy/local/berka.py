"""The PKDD'99 ("Berka") bank as a stream of facts: real, anonymised postings of a Czech bank.

Numbers of records are kept in all ids. Events go out in order of date, then by kind as in ``_Kind``, then
by number of record. The records carry no hours, so the events carry no ``time``. The loan files reach
beyond the year of the postings; all of their loans are read. Managers are not in the data: each district
has one per 60 customers.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import orjson

from deploy.local.berka_records import LOAN, TRANSACTION, Ownership, Record, read_ownership, records
from deploy.local.registrations import CustomerRegistered, ManagerRegistered, ProductDefined, registration
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import Contract
from shared.kernel.books import LoanClass
from shared.kernel.money import format_money

SOURCE = "berka"
ASSIGNED_FROM = date(1993, 1, 1)
CUSTOMERS_PER_MANAGER = 60
PRODUCTS = {
    "DEM": ("deposits", "Demand deposit"),
    "TRM": ("lending", "Term loan"),
    "AGT": ("intermediary", "Agency services"),
}

_DOWNGRADES: Mapping[str, tuple[tuple[int, LoanClass], ...]] = {
    "A": (),
    "B": ((90, LoanClass.SUBSTANDARD), (180, LoanClass.DOUBTFUL), (360, LoanClass.LOSS)),
    "C": (),
    "D": ((60, LoanClass.SPECIAL_MENTION), (120, LoanClass.SUBSTANDARD)),
}
"""Days after the loan's date and class from then on, by the status that the file states: A finished and
paid, B finished and not paid, C running and paid so far, D running in debt."""


class _Kind(IntEnum):
    """Kinds of facts in the order in which those of one date go out."""

    POSTING = 1
    SERVICE_FEE = 2
    PENALTY = 3
    LOAN = 4
    INSTALMENT = 5
    DOWNGRADE_UNPAID = 6
    DOWNGRADE_IN_DEBT = 7


class _Fact(NamedTuple):
    """One event to be; the first four fields are its place in the stream. ``amount`` in minor units."""

    date: date
    kind: _Kind
    number: int
    step: int
    account: int
    amount: int
    detail: str = ""


def read_berka(folder: Path) -> Iterator[CloudEvent]:
    """All facts of the folder: products, managers, customers and assignments, then the core events.

    The files are read at once. Raises BerkaError naming file, line and rule for a file that is missing or a
    record that cannot be read.
    """
    ownership = read_ownership(folder)
    loans = {loan.integer("account_id"): loan for loan in _unique_loans(folder, ownership)}
    facts = sorted([*_posting_facts(folder, ownership, loans), *_loan_facts(loans.values())])
    return _stream(ownership, facts, loans)


def _stream(ownership: Ownership, facts: list[_Fact], loans: Mapping[int, Record]) -> Iterator[CloudEvent]:
    yield from _registrations(ownership)
    loan_numbers = {account: loan.integer("loan_id") for account, loan in loans.items()}
    outstanding: dict[int, int] = defaultdict(int)
    for fact in facts:
        if fact.kind is _Kind.INSTALMENT:
            principal = min(fact.amount, outstanding[fact.account])
            if not principal:
                continue
            outstanding[fact.account] -= principal
            fact = fact._replace(amount=principal)
        elif fact.kind is _Kind.LOAN:
            outstanding[fact.account] += fact.amount
        yield _core_event(fact, f"c{ownership.owners[fact.account]}", f"l{loan_numbers.get(fact.account)}")


def _core_event(fact: _Fact, customer_id: str, loan_id: str) -> CloudEvent:
    money = format_money(fact.amount)
    match fact.kind:
        case _Kind.POSTING:
            prefix, kind, product = "t", "DepositPosted", "DEM"
            fields = {"account_id": f"a{fact.account}", "amount": money}
        case _Kind.SERVICE_FEE:
            prefix, kind, product = "f", "FeeCharged", "AGT"
            fields = {"kind": "intermediary", "amount": money}
        case _Kind.PENALTY:
            prefix, kind, product = "f", "FeeCharged", "TRM"
            fields = {"kind": "credit_risk", "amount": money}
        case _Kind.LOAN:
            prefix, kind, product = "l", "LoanDisbursed", "TRM"
            fields = {"loan_id": loan_id, "amount": money}
        case _Kind.INSTALMENT:
            prefix, kind, product = "r", "LoanRepaid", "TRM"
            fields = {"loan_id": loan_id, "principal": money, "interest": "0.00"}
        case _Kind.DOWNGRADE_UNPAID | _Kind.DOWNGRADE_IN_DEBT:
            prefix, kind, product = "k", "LoanReclassified", "TRM"
            fields = {"loan_id": loan_id, "to_class": fact.detail}
    day = fact.date.isoformat()
    data = {"business_date": day, "customer_id": customer_id, "product_code": product, **fields}
    event_id = f"berka-{prefix}{fact.number}" + (f"-{fact.step}" if fact.step else "")
    return CloudEvent(event_id, kind, SOURCE, orjson.dumps(data), "", customer_id, {"businessdate": day})


def _posting_facts(folder: Path, ownership: Ownership, loans: Mapping[int, Record]) -> Iterator[_Fact]:
    """Each transaction as a posting and what it is besides."""
    for record in ownership.checked(records(folder, TRANSACTION)):
        day, number = record.day("date"), record.integer("trans_id")
        account, amount = record.integer("account_id"), record.amount("amount")
        paid_in = record.one_of("type", ("PRIJEM", "VYDAJ", "VYBER")) == "PRIJEM"
        yield _Fact(day, _Kind.POSTING, number, 0, account, amount if paid_in else -amount)
        match record.text("k_symbol"):
            case "SLUZBY":
                yield _Fact(day, _Kind.SERVICE_FEE, number, 0, account, amount)
            case "SANKC. UROK":
                yield _Fact(day, _Kind.PENALTY, number, 0, account, amount)
            case "UVER" if account in loans:
                yield _Fact(day, _Kind.INSTALMENT, number, 0, account, amount)


def _unique_loans(folder: Path, ownership: Ownership) -> Iterator[Record]:
    """The loans; an instalment names only its account, so that an account can have but one."""
    seen: dict[int, int] = {}
    for record in ownership.checked(records(folder, LOAN)):
        account = record.integer("account_id")
        if account in seen:
            raise record.error("account_id", f"account {account} has a loan already (line {seen[account]})")
        seen[account] = record.line
        yield record


def _loan_facts(loans: Iterable[Record]) -> Iterator[_Fact]:
    for record in loans:
        day, number, account = record.day("date"), record.integer("loan_id"), record.integer("account_id")
        yield _Fact(day, _Kind.LOAN, number, 0, account, record.amount("amount"))
        status = record.one_of("status", tuple(_DOWNGRADES))
        kind = _Kind.DOWNGRADE_UNPAID if status == "B" else _Kind.DOWNGRADE_IN_DEBT
        for step, (days, to_class) in enumerate(_DOWNGRADES[status], start=1):
            yield _Fact(day + timedelta(days=days), kind, number, step, account, 0, to_class.value)


@dataclass(frozen=True, slots=True)
class _Portfolio:
    """A manager and the clients looked after, in order of number."""

    manager_id: str
    district: int
    clients: tuple[int, ...]


def _portfolios(ownership: Ownership) -> list[_Portfolio]:
    """One manager ``m<district>-<n>``, n from 1, per 60 customers of a district in order of client id."""
    of_district: dict[int, list[int]] = defaultdict(list)
    for client in sorted(ownership.district_of):
        of_district[ownership.district_of[client]].append(client)
    return [
        _Portfolio(f"m{district}-{number}", district, tuple(clients[first : first + CUSTOMERS_PER_MANAGER]))
        for district, clients in sorted(of_district.items())
        for number, first in enumerate(range(0, len(clients), CUSTOMERS_PER_MANAGER), start=1)
    ]


def _registrations(ownership: Ownership) -> Iterator[CloudEvent]:
    """Products, managers, customers and assignments, each in order of number."""
    portfolios = _portfolios(ownership)
    for code, (department_id, name) in PRODUCTS.items():
        product = ProductDefined(
            product_code=code, department_id=department_id, name=name, effective_from=ASSIGNED_FROM
        )
        yield _registered(f"p{code}", product)
    for portfolio in portfolios:
        yield _registered(portfolio.manager_id, _manager(portfolio))
    for client, district in sorted(ownership.district_of.items()):
        yield _registered(f"c{client}", _customer(client, district, ownership.regions[district]))
    manager_of = {client: portfolio.manager_id for portfolio in portfolios for client in portfolio.clients}
    for client, manager_id in sorted(manager_of.items()):
        share = ManagerShare(manager_id=manager_id, share=Decimal(1))
        assigned = CustomerAssigned(
            customer_id=f"c{client}", shares=(share,), effective_from=ASSIGNED_FROM, reason="taken over"
        )
        yield _registered(f"a{client}", assigned)


def _manager(portfolio: _Portfolio) -> ManagerRegistered:
    branch_id = f"b{portfolio.district}"
    return ManagerRegistered(
        manager_id=portfolio.manager_id,
        name=f"Manager {portfolio.manager_id.removeprefix('m')}",
        branch_id=branch_id,
        team_id=branch_id,
        grade="manager-4",
        hired_on=ASSIGNED_FROM,
        confirmed_on=ASSIGNED_FROM,
        confidentiality_signed_on=ASSIGNED_FROM,
    )


def _customer(client: int, district: int, region: str) -> CustomerRegistered:
    return CustomerRegistered(
        customer_id=f"c{client}",
        name=f"Client {client}",
        kind="individual",
        region=region,
        industry="households",
        tier="basic",
        branch_id=f"b{district}",
    )


def _registered(number: str, model: Contract) -> CloudEvent:
    return registration(f"berka-{number}", model, source=SOURCE, day=ASSIGNED_FROM)
