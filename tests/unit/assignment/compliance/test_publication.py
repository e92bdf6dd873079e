"""What is told of compliance: what the contract promises, nothing that is sealed, and of suspicions nothing at all."""

from datetime import date

import orjson
import pytest

from services.assignment.domain.compliance.duty import DutyDone
from services.assignment.domain.compliance.large_value import DepositsWatched, Sides
from services.assignment.domain.compliance.review import CustomerReviewed
from services.assignment.domain.compliance.suspicion import Decision, SuspicionDecided, SuspicionReported
from services.assignment.main import PUBLICATIONS, READERS
from shared.contracts.assignment import DutyBreached, DutyKind, DutyRaised, RiskRating
from shared.contracts.asyncapi import TOPICS
from shared.contracts.types import parse
from shared.kernel.event import Fact
from tests.support.rows import row_of

DAY = date(2026, 7, 1)
RAISED = parse(
    DutyRaised,
    b'{"duty_id": "d1", "kind": "large-value-report", "customer_id": "c1", "raised_on": "2026-07-01", '
    b'"due_on": "2026-07-08", "reason": "r", "amount": "60000.00"}',
)
DONE = DutyDone(
    duty_id="d1",
    kind=DutyKind.LARGE_VALUE_REPORT,
    customer_id="c1",
    done_on=DAY,
    manager_id="m1",
    in_time=True,
    sealed="v1.x",
)
BREACHED = DutyBreached(
    duty_id="d1", kind=DutyKind.CUSTOMER_REVIEW, customer_id="c1", due_on=DAY, serious=False
)
REVIEWED = CustomerReviewed(
    review_id="r1",
    customer_id="c1",
    risk_rating=RiskRating.LOW,
    reviewed_on=DAY,
    next_due_on=date(2028, 7, 1),
    sealed="v1.x",
)
REPORTED = SuspicionReported(
    suspicion_id="s1", customer_id="c1", business_date=DAY, sealed="v1.x", observed_on=DAY, reported_by="m1"
)
DECIDED = SuspicionDecided(
    suspicion_id="s1",
    customer_id="c1",
    business_date=DAY,
    sealed="v1.x",
    decision=Decision.DISMISSED,
    decided_by="bob",
)
WATCHED = DepositsWatched(0, 1, 1, ("e1",), DAY, {("c1", DAY): Sides(1, 0)})


@pytest.mark.parametrize("fact", [RAISED, DONE, BREACHED, REVIEWED], ids=lambda fact: type(fact).__name__)
def test_an_event_is_published_by_its_customer_without_what_is_sealed(fact: Fact) -> None:
    topic, message = PUBLICATIONS[type(fact).__name__](row_of(fact))
    assert (topic, message.key) == ("assignment.events", b"c1")
    expected = orjson.loads(fact.to_json())
    expected.pop("sealed", None)
    assert orjson.loads(message.value) == expected


@pytest.mark.parametrize(
    "fact",
    [RAISED, DONE, BREACHED, REVIEWED, REPORTED, DECIDED, WATCHED],
    ids=lambda fact: type(fact).__name__,
)
def test_a_stored_event_is_read_back_as_it_was(fact: Fact) -> None:
    assert READERS[type(fact).__name__](fact.to_json().decode()) == fact


def test_suspicions_and_what_is_added_up_stay_in_the_service() -> None:
    assert not {"SuspicionReported", "SuspicionDecided", "DepositsWatched"} & set(PUBLICATIONS)
    assert not [name for topic in TOPICS for name in topic.events if "Suspicion" in name]
