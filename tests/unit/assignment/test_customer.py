"""A customer comes on record once, and is assigned to managers on record; the past needs an approver."""

from datetime import date, timedelta

import pytest

from services.assignment.domain import customer as customers
from services.assignment.domain.customer import (
    DECIDER,
    AssignCustomer,
    ChangeProfile,
    ChangeTier,
    Consulted,
    Customer,
    CustomerKind,
    CustomerRegistered,
    ErasePersonalData,
    MoveCustomer,
    ProfileChanged,
    RegisterCustomer,
)
from shared.contracts import assignment as contract
from shared.contracts.assignment import (
    CustomerAssigned,
    CustomerMoved,
    CustomerTierChanged,
    ManagerShare,
    PersonalDataErased,
)
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


MOVE = MoveCustomer(
    CustomerMoved(
        customer_id="c1",
        kind=CustomerKind.INSTITUTION,
        region="Xihu",
        industry="schools",
        branch_id="b2",
        business_date=TODAY,
    )
)
PROFILE = ChangeProfile("c1", (("name", "恒瑞纺织"), ("phone", "0571-1")), TODAY)
ERASE = ErasePersonalData(PersonalDataErased(customer_id="c1", reason="asked for", business_date=TODAY))


@pytest.mark.parametrize("command", [MOVE, PROFILE, ERASE, ChangeTier("c1", "silver", "shrinks", TODAY)])
def test_nothing_is_said_of_a_customer_who_is_not_on_record(command: customers.Command) -> None:
    assert refusal(command, Customer(), Consulted()) == ("customer-is-known", "customer_id")
    assert DECIDER.stream(command) == "customer-c1"


def test_a_customer_that_moves_stays_what_it_was_to_its_managers() -> None:
    assert customers.decide(MOVE, ON_RECORD, Consulted()) == [MOVE.moved]
    assert customers.evolve(ON_RECORD, MOVE.moved) == ON_RECORD


def test_another_tier_is_recorded_and_the_same_is_not() -> None:
    [fact] = customers.decide(ChangeTier("c1", "silver", "shrinks", TODAY), ON_RECORD, Consulted())
    assert isinstance(fact, CustomerTierChanged)
    assert (fact.previous_tier, fact.tier) == ("gold", "silver")
    customer = customers.evolve(ON_RECORD, fact)
    assert customer.tier == "silver"
    assert customers.decide(ChangeTier("c1", "silver", "shrinks", TODAY), customer, Consulted()) == []


def test_a_profile_is_kept_sealed_and_none_of_one_whose_data_was_erased() -> None:
    [fact] = customers.decide(PROFILE, ON_RECORD, Consulted(sealed={PROFILE: "v1.c2VhbGVk"}))
    assert fact == ProfileChanged(customer_id="c1", sealed="v1.c2VhbGVk", business_date=TODAY)
    assert fact.stream == "customer-c1"
    assert customers.evolve(ON_RECORD, fact) == ON_RECORD
    assert "0571" not in repr(PROFILE)
    assert refusal(PROFILE, ON_RECORD, Consulted()) == ("personal-data-is-kept", "customer_id")


def test_personal_data_is_erased_once() -> None:
    [fact] = customers.decide(ERASE, ON_RECORD, Consulted())
    assert customers.decide(ERASE, customers.evolve(ON_RECORD, fact), Consulted()) == []
    assert fact.stream == "customer-c1"


def test_shares_are_written_in_one_way() -> None:
    one = customers.in_order(assigned(TODAY, m2="0.40", m1="0.6"))
    assert one == assigned(TODAY, m1="0.6", m2="0.4")


def test_a_customer_registered_in_the_same_batch_weighs_what_its_tier_weighs() -> None:
    [fact] = customers.decide(REGISTER, Customer(), SEALED)
    followed = customers.follow(MANAGERS, fact)
    assert followed.staff.loads.customers["c1"].weight == 2
    assert customers.follow(followed, MOVE.moved) == followed
