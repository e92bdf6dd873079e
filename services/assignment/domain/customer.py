"""A customer (客户): coming on record, and being looked after by managers. The aggregate is the customer."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeVar

from services.assignment.domain.timeline import Timeline
from shared.contracts import assignment as contract
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class CustomerKind(StrEnum):
    """What a customer is: corporate 公司客户, individual 个人客户, interbank 同业客户,
    institution 机构客户."""

    CORPORATE = "corporate"
    INDIVIDUAL = "individual"
    INTERBANK = "interbank"
    INSTITUTION = "institution"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegisterCustomer:
    """Put a customer on record. The name is personal data and never leaves the service."""

    particulars: contract.CustomerRegistered
    name: str = field(repr=False)

    @property
    def stream(self) -> str:
        return self.particulars.stream


@dataclass(frozen=True, slots=True)
class AssignCustomer:
    """Say who looks after a customer from a date on. ``approved`` says that an approver stands behind it."""

    assigned: CustomerAssigned
    today: date
    approved: bool

    @property
    def stream(self) -> str:
        return self.assigned.stream


Command = RegisterCustomer | AssignCustomer

# --- events -------------------------------------------------------------------------------------------------


class CustomerRegistered(contract.CustomerRegistered):
    """The contract's event with the personal data beside it: sealed, and left out of what is published."""

    sealed: str


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Customer:
    """What of a customer's history decides the next assignment."""

    registered: bool = False
    timeline: Timeline[CustomerAssigned] = field(default_factory=Timeline)


@dataclass(frozen=True, slots=True)
class Consulted:
    """The personal data of each registration, sealed with the person's key, and the managers on record."""

    sealed: Mapping[RegisterCustomer, str] = field(default_factory=dict)
    managers: AbstractSet[str] = frozenset()


class Assignment(Protocol):
    """An entry of a customer's timeline, in whatever form."""

    @property
    def effective_from(self) -> date: ...

    @property
    def shares(self) -> Sequence[ManagerShare]: ...


AssignmentT = TypeVar("AssignmentT", bound=Assignment)

# --- refusals -----------------------------------------------------------------------------------------------


class PastNeedsApproval(Refusal):
    """A change of what held on days gone by, without an approver's word; to be proposed instead."""

    def __init__(self) -> None:
        super().__init__(
            "past-is-approved", "effective_from", "a change of the past needs an approver's word"
        )


def check_managers(assigned: CustomerAssigned, managers: AbstractSet[str], path: str = "shares") -> None:
    """Raises Refusal naming the first share whose manager is not on record."""
    for index, share in enumerate(assigned.shares):
        if share.manager_id not in managers:
            detail = f"there is no manager {share.manager_id}"
            raise Refusal("manager-is-known", f"{path}.{index}.manager_id", detail)


def needs_approval(assigned: CustomerAssigned, timeline: Timeline[AssignmentT], today: date) -> bool:
    """Whether it changes what held on days gone by, on which results are booked already (追溯调整)."""
    return assigned.effective_from < today and not says_already(timeline, assigned)


def says_already(timeline: Timeline[AssignmentT], assigned: CustomerAssigned) -> bool:
    """Whether the timeline has these shares for that very date; the reason and the order do not matter."""
    present = timeline.dated(assigned.effective_from)
    return present is not None and same_shares(present.shares, assigned.shares)


def same_shares(one: Sequence[ManagerShare], other: Sequence[ManagerShare]) -> bool:
    """Whether the same managers have the same parts, in whatever order."""
    return _parts(one) == _parts(other)


def _parts(shares: Sequence[ManagerShare]) -> dict[str, Decimal]:
    return {share.manager_id: share.share for share in shares}


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, customer: Customer, consulted: Consulted) -> Sequence[Fact]:
    """The registration, or the assignment unless it is known; raises Refusal naming field and rule."""
    if isinstance(command, RegisterCustomer):
        return [_register(command, customer, consulted)]
    assigned = command.assigned
    if not customer.registered:
        raise Refusal("customer-is-known", "customer_id", f"there is no customer {assigned.customer_id}")
    if says_already(customer.timeline, assigned):
        return []
    check_managers(assigned, consulted.managers)
    if not command.approved and needs_approval(assigned, customer.timeline, command.today):
        raise PastNeedsApproval
    return [assigned]


def _register(command: RegisterCustomer, customer: Customer, consulted: Consulted) -> Fact:
    particulars = command.particulars
    if customer.registered:
        detail = f"there is a customer {particulars.customer_id} already"
        raise Refusal("customer-is-new", "customer_id", detail)
    return CustomerRegistered(**particulars.model_dump(), sealed=consulted.sealed[command])


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(customer: Customer, fact: Fact) -> Customer:
    """The customer after a fact."""
    if isinstance(fact, CustomerAssigned):
        return replace(customer, timeline=customer.timeline.with_entry(fact))
    return replace(customer, registered=True)


def stream(command: Command) -> str:
    """The customer's stream."""
    return command.stream


DECIDER: Decider[Command, Customer, Consulted] = Decider(stream, Customer(), decide, evolve)
