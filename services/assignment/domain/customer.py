"""A customer (客户): coming on record, what is known of it, and who looks after it. The aggregate is the customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeVar

from services.assignment.domain.assignment import Staff, check_assignment
from services.assignment.domain.load import Looked
from services.assignment.domain.timeline import Timeline
from shared.contracts import assignment as contract
from shared.contracts.assignment import (
    CustomerAssigned,
    CustomerMoved,
    CustomerTierChanged,
    ManagerShare,
    PersonalDataErased,
)
from shared.contracts.types import BusinessDate, Contract, Id
from shared.kernel.decider import Decider
from shared.kernel.errors import NotOnRecord, Refusal
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


@dataclass(frozen=True, slots=True)
class MoveCustomer:
    """Say where a customer belongs and what it does from now on."""

    moved: CustomerMoved

    @property
    def stream(self) -> str:
        return self.moved.stream


@dataclass(frozen=True, slots=True)
class ChangeTier:
    """Put a customer into another tier."""

    customer_id: str
    tier: str
    reason: str
    today: date

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """Say anew who a customer is and how to reach it: all of the personal data, by field, name included."""

    customer_id: str
    profile: tuple[tuple[str, str], ...] = field(repr=False)
    today: date

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


@dataclass(frozen=True, slots=True)
class ErasePersonalData:
    """Make a customer's personal data unreadable for ever (个人信息删除)."""

    erased: PersonalDataErased

    @property
    def stream(self) -> str:
        return self.erased.stream


Command = RegisterCustomer | AssignCustomer | MoveCustomer | ChangeTier | ChangeProfile | ErasePersonalData

# --- events -------------------------------------------------------------------------------------------------


class CustomerRegistered(contract.CustomerRegistered):
    """The contract's event with the personal data beside it: sealed, and left out of what is published."""

    sealed: str


class ProfileChanged(Contract):
    """The personal data of a customer, sealed; stays in this service."""

    customer_id: Id
    sealed: str
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"customer-{self.customer_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Customer:
    """What of a customer's history decides what may happen next; no tier is that of a customer not on record."""

    tier: str = ""
    erased: bool = False
    timeline: Timeline[CustomerAssigned] = field(default_factory=Timeline)

    @property
    def registered(self) -> bool:
        """Whether the customer is on record."""
        return bool(self.tier)


@dataclass(frozen=True, slots=True)
class Consulted:
    """The personal data of each command, sealed with the person's key, and the staff that assignments name."""

    sealed: Mapping[Command, str] = field(default_factory=dict)
    staff: Staff = field(default_factory=Staff)


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


def in_order(assigned: CustomerAssigned) -> CustomerAssigned:
    """The same with its shares in order of managers and without needless zeros: one text for what is one thing."""
    shares = sorted(
        (ManagerShare(manager_id=one.manager_id, share=one.share.normalize()) for one in assigned.shares),
        key=lambda one: one.manager_id,
    )
    return assigned.model_copy(update={"shares": tuple(shares)})


def _parts(shares: Sequence[ManagerShare]) -> dict[str, Decimal]:
    return {share.manager_id: share.share for share in shares}


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, customer: Customer, consulted: Consulted) -> Sequence[Fact]:
    """What is to be recorded, nothing for what is so already; raises Refusal naming field and rule."""
    if isinstance(command, RegisterCustomer):
        return [_register(command, customer, consulted)]
    if not customer.registered:
        customer_id = command.stream.partition("-")[2]
        raise NotOnRecord("customer-is-known", "customer_id", f"there is no customer {customer_id}")
    match command:
        case AssignCustomer():
            return _assign(command, customer, consulted.staff)
        case MoveCustomer():
            return [command.moved]
        case ChangeTier():
            return _change_tier(command, customer)
        case ChangeProfile():
            return [_change_profile(command, consulted)]
    return [] if customer.erased else [command.erased]


def _register(command: RegisterCustomer, customer: Customer, consulted: Consulted) -> Fact:
    particulars = command.particulars
    if customer.registered:
        detail = f"there is a customer {particulars.customer_id} already"
        raise Refusal("customer-is-new", "customer_id", detail)
    return CustomerRegistered(**particulars.model_dump(), sealed=consulted.sealed[command])


def _assign(command: AssignCustomer, customer: Customer, staff: Staff) -> Sequence[Fact]:
    assigned = command.assigned
    if says_already(customer.timeline, assigned):
        return []
    check_assignment(assigned, customer.timeline, customer.tier, staff, command.today)
    if not command.approved and needs_approval(assigned, customer.timeline, command.today):
        raise PastNeedsApproval
    return [assigned]


def _change_tier(command: ChangeTier, customer: Customer) -> Sequence[Fact]:
    if command.tier == customer.tier:
        return []
    changed = CustomerTierChanged(
        customer_id=command.customer_id,
        tier=command.tier,
        previous_tier=customer.tier,
        reason=command.reason,
        business_date=command.today,
    )
    return [changed]


def _change_profile(command: ChangeProfile, consulted: Consulted) -> Fact:
    sealed = consulted.sealed.get(command)
    if sealed is None:
        detail = "the customer's personal data was erased, so none is kept any more"
        raise Refusal("personal-data-is-kept", "customer_id", detail)
    return ProfileChanged(customer_id=command.customer_id, sealed=sealed, business_date=command.today)


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(customer: Customer, fact: Fact) -> Customer:
    """The customer after a fact."""
    match fact:
        case contract.CustomerRegistered():
            return replace(customer, tier=fact.tier)
        case CustomerAssigned():
            return replace(customer, timeline=customer.timeline.with_entry(fact))
        case CustomerTierChanged():
            return replace(customer, tier=fact.tier)
        case PersonalDataErased():
            return replace(customer, erased=True)
        case _:
            return customer  # where it belongs, its profile


def follow(consulted: Consulted, fact: Fact) -> Consulted:
    """What is consulted after a fact: how much every customer weighs on whom, for the assignments that come next."""
    staff = consulted.staff
    match fact:
        case contract.CustomerRegistered() | CustomerTierChanged():
            weight = staff.policies.in_force(fact.business_date).tier(fact.tier).weight
            before = staff.loads.customers.get(fact.customer_id, Looked(weight))
            looked = replace(before, weight=weight)
        case CustomerAssigned():
            before = staff.loads.customers[fact.customer_id]  # looked up for every assignment of the batch
            looked = replace(before, timeline=before.timeline.with_entry(fact))
        case _:
            return consulted
    return replace(consulted, staff=staff.with_customer(fact.customer_id, looked))


def stream(command: Command) -> str:
    """The customer's stream."""
    return command.stream


DECIDER: Decider[Command, Customer, Consulted] = Decider(stream, Customer(), decide, evolve)
