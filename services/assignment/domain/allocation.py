"""Allocation (客户分配): many customers given to managers at once, by the rules in force on a day. The aggregate is one
allocation; who gets whom is computed in ``allotting.py``, and ``place`` for one pool in ``placing.py``."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from services.assignment.domain.allocation_rule import AllocationRulesSet
from services.assignment.domain.allotting import Allotment, Candidate, Change, Item, Status, allot
from services.assignment.domain.load import Burden
from services.assignment.domain.placing import rooms, text_of
from services.assignment.domain.policy import Policies
from services.assignment.domain.standing import Career
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.contracts.types import BusinessDate, Contract, Id
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact

MOST_CUSTOMERS = 10_000
"""How many customers may be named; for more there are branches and the whole bank."""


class Scope(Contract, extra="forbid"):
    """Which customers are looked at: those without a manager on the day, a branch's, those named, or all."""

    unassigned: Literal[True] | None = None
    branch_id: Id | None = None
    customer_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_CUSTOMERS)] | None = None
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Scope":
        if [self.unassigned, self.branch_id, self.customer_ids, self.all].count(None) != 3:
            raise Malformed("must say exactly one of unassigned, branch_id, customer_ids and all")
        return self


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be allocated, from which day on."""

    effective_from: date
    scope: Scope


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ApplyAllocation:
    """Give customers to managers. ``previewed``: the allocation has the id of a preview that the caller has seen, and
    must come to the same."""

    allocation_id: str
    terms: Terms
    today: date
    previewed: bool = False

    @property
    def stream(self) -> str:
        return stream_of(self.allocation_id)


# --- events -------------------------------------------------------------------------------------------------

Load = Annotated[str, StringConstraints(pattern=r"^-?\d{1,12}(\.\d{1,10})?$")]
"""A load as a decimal string."""


class ManagerAllocated(Contract):
    """What an allocation is for one manager: customers placed with them, and the load on the day."""

    manager_id: Id
    customers: int
    load_before: Load
    load_after: Load
    capacity: Load


class AllocationApplied(Contract):
    """Customers were given to managers by the rules in force since ``rules_from``; ``unplaced`` by reason."""

    allocation_id: Id
    effective_from: BusinessDate
    scope: Scope
    rules_from: BusinessDate
    customers: int
    placed: int
    unchanged: int
    unplaced: dict[str, int]
    managers: tuple[ManagerAllocated, ...]
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return stream_of(self.allocation_id)


def stream_of(allocation_id: str) -> str:
    """The stream of an allocation; all lie in the shard of the bank's own affairs."""
    return f"allocation-bank#{allocation_id}"


# --- state --------------------------------------------------------------------------------------------------

Outcome = tuple[str, str | None]
"""A customer's status and manager in a preview."""


@dataclass(frozen=True, slots=True)
class Ground:
    """All that an allocation looks at: customers, the rules of the day if there are any, and all managers."""

    candidates: Sequence[Candidate] = ()
    rules: AllocationRulesSet | None = None
    policies: Policies = field(default_factory=Policies)
    careers: Mapping[str, Career] = field(default_factory=dict)
    burdens: Mapping[str, Sequence[Burden]] = field(default_factory=dict)
    previewed: Mapping[str, Outcome] | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """An allocation as it was computed."""

    items: Sequence[Item]
    applied: AllocationApplied


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: ApplyAllocation, applied: bool, ground: Ground) -> Sequence[Fact]:
    """The allocation, and an assignment for each customer that is placed; raises Refusal."""
    if applied:
        raise Refusal("allocation-is-new", "allocation_id", "it was applied already")
    allocation = allocate(command.allocation_id, command.terms, ground, command.today)
    if ground.previewed is not None:
        _check_is_as_previewed(allocation.items, ground.previewed)
    shares = {
        one.manager_id: (ManagerShare.model_construct(manager_id=one.manager_id, share=Decimal(1)),)
        for one in allocation.applied.managers
    }
    assigned = [
        CustomerAssigned.model_construct(
            customer_id=item.customer_id,
            shares=shares[item.manager_id or ""],
            effective_from=command.terms.effective_from,
            reason=f"allocation: {item.rule}",
        )
        for item in allocation.items
        if item.status is Status.PLACED
    ]
    return [allocation.applied, *assigned]


def allocate(allocation_id: str, terms: Terms, ground: Ground, today: date) -> Allocation:
    """Who gets whom; raises Refusal for a day gone by, one without rules, and customers that are not on record."""
    day = terms.effective_from
    if day < today:
        raise Refusal("allocation-lies-ahead", "effective_from", f"must not be before {today}")
    if ground.rules is None:
        raise Refusal("rules-are-in-force", "effective_from", f"no allocation rules are in force on {day}")
    _check_known(terms.scope.customer_ids or (), ground.candidates)
    spaces = rooms(day, ground.policies, ground.careers, ground.burdens)
    allotment = allot(ground.candidates, ground.rules.rules, spaces, ground.policies.in_force(day))
    return Allocation(allotment.items, _applied(allocation_id, terms, allotment, ground.rules, today))


def _check_known(customer_ids: Collection[str], candidates: Sequence[Candidate]) -> None:
    if not customer_ids:
        return
    known = {one.customer_id for one in candidates}
    for customer_id in customer_ids:
        if customer_id not in known:
            detail = f"there is no customer {customer_id}"
            raise Refusal("customer-is-known", "scope.customer_ids", detail)


def _applied(
    allocation_id: str, terms: Terms, allotment: Allotment, rules: AllocationRulesSet, today: date
) -> AllocationApplied:
    counted = Counter(item.status for item in allotment.items)
    unplaced = Counter(item.reason.value for item in allotment.items if item.reason is not None)
    return AllocationApplied(
        allocation_id=allocation_id,
        effective_from=terms.effective_from,
        scope=terms.scope,
        rules_from=rules.effective_from,
        customers=len(allotment.items),
        placed=counted[Status.PLACED],
        unchanged=counted[Status.UNCHANGED],
        unplaced=dict(sorted(unplaced.items())),
        managers=tuple(_of_manager(change) for change in allotment.changes),
        business_date=today,
    )


def _of_manager(change: Change) -> ManagerAllocated:
    return ManagerAllocated(
        manager_id=change.manager_id,
        customers=change.customers,
        load_before=text_of(change.load_before),
        load_after=text_of(change.load_after),
        capacity=text_of(change.capacity),
    )


def outcomes(items: Sequence[Item]) -> dict[str, Outcome]:
    """What becomes of each customer, as previews are compared."""
    return {item.customer_id: (item.status.value, item.manager_id) for item in items}


def _check_is_as_previewed(items: Sequence[Item], previewed: Mapping[str, Outcome]) -> None:
    now = outcomes(items)
    differing = sum(now.get(one) != previewed.get(one) for one in now.keys() | previewed.keys())
    if differing:
        detail = f"by now it comes out otherwise for {differing} customers"
        raise Refusal("preview-is-current", "allocation_id", detail)


def summary_of(applied: AllocationApplied) -> dict[str, Any]:
    """An allocation as callers see it."""
    return applied.model_dump(mode="json", exclude={"business_date"}, exclude_none=True)


# --- evolve -------------------------------------------------------------------------------------------------


DECIDER: Decider[ApplyAllocation, bool, Ground] = Decider(
    stream=lambda command: command.stream, initial=False, decide=decide, evolve=lambda _, __: True
)
"""The state is whether the allocation was applied."""
