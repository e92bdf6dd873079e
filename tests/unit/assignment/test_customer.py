"""A customer comes on record once, and is assigned to managers on record; the past needs an approver."""

from datetime import date, timedelta

import pytest

from services.assignment.domain import customer as customers
from services.assignment.domain.customer import (
    DECIDER,
    AssignCustomer,
    Consulted,
    Customer,
    CustomerKind,
    CustomerRegistered,
    RegisterCustomer,
)
from shared.contracts import assignment as contract
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.kernel.errors import Refusal
from tests.support.staff import staff

TODAY = date(2026, 1, 15)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
REGISTER = RegisterCustomer(
    contract.CustomerRegistered(
        customer_id="c1",
        kind=CustomerKind.CORPORATE,
        region="Donghu",
        industry="textile",
        tier="gold",
        branch_id="b1",
        business_date=TODAY,
    ),
    "恒瑞纺织",
)
SEALED = Consulted(sealed={REGISTER: "v1.c2VhbGVk"})
MANAGERS = Consulted(staff=staff("m1", "m2"))
ON_RECORD = Customer(tier="gold")


def assigned(day: date, reason: str = "agreed", **shares: str) -> CustomerAssigned:
    parts = tuple(ManagerShare(manager_id=manager, share=share) for manager, share in shares.items())
    return CustomerAssigned(customer_id="c1", shares=parts, effective_from=day, reason=reason)


def refusal(command: customers.Command, customer: Customer, consulted: Consulted) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        customers.decide(command, customer, consulted)
    return refused.value.rule, refused.value.field


def test_a_new_customer_is_registered_with_the_name_sealed() -> None:
    [fact] = customers.decide(REGISTER, Customer(), SEALED)
    assert fact == CustomerRegistered(**REGISTER.particulars.model_dump(), sealed="v1.c2VhbGVk")
    assert DECIDER.stream(REGISTER) == fact.stream == "customer-c1"
    assert customers.evolve(Customer(), fact) == ON_RECORD


def test_a_second_registration_of_an_id_is_refused() -> None:
    assert refusal(REGISTER, ON_RECORD, SEALED) == ("customer-is-new", "customer_id")


def test_the_name_is_in_no_event_and_in_no_text_of_the_command() -> None:
    [fact] = customers.decide(REGISTER, Customer(), SEALED)
    assert REGISTER.name not in fact.to_json().decode()
    assert REGISTER.name not in repr(REGISTER)


def test_a_customer_who_is_not_on_record_cannot_be_assigned() -> None:
    command = AssignCustomer(assigned(TODAY, m1="1"), TODAY, approved=True)
    assert refusal(command, Customer(), MANAGERS) == ("customer-is-known", "customer_id")


def test_the_first_manager_who_is_not_on_record_is_named_by_path() -> None:
    command = AssignCustomer(assigned(TODAY, m1="0.5", m8="0.2", m9="0.3"), TODAY, approved=True)
    assert refusal(command, ON_RECORD, MANAGERS) == ("manager-is-known", "shares.1.manager_id")


@pytest.mark.parametrize("day", [TODAY, TOMORROW])
def test_today_and_later_days_need_no_approval(day: date) -> None:
    command = AssignCustomer(assigned(day, m1="0.6", m2="0.4"), TODAY, approved=False)
    assert customers.decide(command, ON_RECORD, MANAGERS) == [command.assigned]
    assert DECIDER.stream(command) == "customer-c1"


def test_a_change_of_the_past_needs_an_approver() -> None:
    change = assigned(YESTERDAY, m1="1")
    assert customers.needs_approval(change, ON_RECORD.timeline, TODAY)
    refused = refusal(AssignCustomer(change, TODAY, approved=False), ON_RECORD, MANAGERS)
    assert refused == ("past-is-approved", "effective_from")
    assert customers.decide(AssignCustomer(change, TODAY, approved=True), ON_RECORD, MANAGERS) == [change]


def test_what_the_timeline_says_already_gives_no_event_and_needs_no_approval() -> None:
    there = assigned(YESTERDAY, m1="0.6", m2="0.4")
    customer = customers.evolve(ON_RECORD, there)
    again = assigned(YESTERDAY, m2="0.4", m1="0.60", reason="in other words")
    assert customers.decide(AssignCustomer(again, TODAY, approved=False), customer, MANAGERS) == []
    assert not customers.needs_approval(again, customer.timeline, TODAY)


def test_other_shares_for_the_same_day_replace_what_was_said() -> None:
    customer = customers.evolve(ON_RECORD, assigned(TODAY, m1="1"))
    change = assigned(TODAY, m2="1")
    assert customers.decide(AssignCustomer(change, TODAY, approved=False), customer, MANAGERS) == [change]
    assert customers.evolve(customer, change).timeline.entries == (change,)


def test_nobody_may_look_after_a_customer() -> None:
    nobody = assigned(TOMORROW)
    assert customers.decide(AssignCustomer(nobody, TODAY, approved=False), ON_RECORD, MANAGERS) == [nobody]
