"""What the service tells the others: what the contract promises, and nothing that is sealed."""

from datetime import date

import orjson
import pytest

from services.assignment.domain.customer import CustomerRegistered
from services.assignment.domain.manager import ManagerRegistered
from services.assignment.main import EVENTS, PUBLICATIONS, READERS
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from tests.support.rows import row_of

MANAGER = ManagerRegistered(
    manager_id="m1",
    branch_id="b1",
    grade="trainee",
    hired_on=date(2026, 1, 2),
    business_date=date(2026, 1, 15),
    sealed="v1.c2VhbGVk",
)
CUSTOMER = CustomerRegistered(
    customer_id="c1",
    kind="corporate",
    region="Donghu",
    industry="textile",
    tier="gold",
    branch_id="b1",
    business_date=date(2026, 1, 15),
    sealed="v1.c2VhbGVk",
)
ASSIGNED = CustomerAssigned(
    customer_id="c1",
    shares=(ManagerShare(manager_id="m1", share="0.60"), ManagerShare(manager_id="m2", share="0.40")),
    effective_from=date(2026, 1, 15),
    reason="agreed",
)


@pytest.mark.parametrize(("fact", "key"), [(MANAGER, b"m1"), (CUSTOMER, b"c1"), (ASSIGNED, b"c1")])
def test_an_event_is_published_by_its_key_without_what_is_sealed(
    fact: ManagerRegistered | CustomerRegistered | CustomerAssigned, key: bytes
) -> None:
    topic, message = PUBLICATIONS[type(fact).__name__](row_of(fact))
    assert (topic, message.key) == ("assignment.events", key)
    expected = orjson.loads(fact.to_json())
    expected.pop("sealed", None)
    assert orjson.loads(message.value) == expected


@pytest.mark.parametrize("fact", [MANAGER, CUSTOMER, ASSIGNED])
def test_a_stored_event_is_read_back_as_it_was(
    fact: ManagerRegistered | CustomerRegistered | CustomerAssigned,
) -> None:
    assert READERS[type(fact).__name__](fact.to_json().decode()) == fact


def test_what_is_not_told_to_others_is_the_services_own_affair() -> None:
    assert set(PUBLICATIONS) - {"MessageRefused"} == set(EVENTS)
    assert not {"ChangeProposed", "ProposalApproved", "ProfileChanged", "PolicySet"} & set(PUBLICATIONS)


def test_no_published_event_has_a_field_for_what_is_sealed_or_for_a_name() -> None:
    fields = {field for event in EVENTS.values() for field in event.model_fields}
    assert not fields & {"sealed", "note", "text", "plan", "profile", "phone", "comment"}
