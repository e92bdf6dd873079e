"""A tender: bids until the close, an award by rule after it, and one end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.assignment.domain import tender as tenders
from services.assignment.domain.claim import Claim, Process
from services.assignment.domain.grade import Grade
from services.assignment.domain.proposal import AlreadyProposed, ChangeProposed, Open
from services.assignment.domain.standing import Status
from services.assignment.domain.tender import (
    DECIDER,
    AwardTender,
    BidMade,
    BidWithdrawn,
    CancelTender,
    CloseWithoutAward,
    Command,
    Consulted,
    MakeBid,
    OpenTender,
    ProposeAward,
    Tender,
    TenderCancelled,
    TenderClosedWithoutAward,
    TenderOpened,
    WithdrawBid,
)
from shared.contracts.assignment import TenderAwarded
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from tests.support.staff import standing

TODAY = date(2026, 1, 15)
CLOSES = datetime(2026, 1, 20, 8, tzinfo=UTC)
BEFORE, AFTER = CLOSES - timedelta(microseconds=1), CLOSES
T: dict[str, Any] = {"tender_id": "t1", "today": TODAY}
OPEN = OpenTender(
    **T,
    customer_ids=("c1", "c2"),
    baseline_profit=10_000,
    closes_at=CLOSES,
    lowest_grade=Grade.MANAGER_3,
    effective_from=None,
)
BID = MakeBid(**T, manager_id="m1", committed_profit=77_712_300, plan="每月走访")
WITHDRAW = WithdrawBid(**T, manager_id="m1")
PROPOSE = ProposeAward(**T, proposal_id="p1", proposed_by="ann")
CLOSE = CloseWithoutAward(**T)
CANCEL = CancelTender(**T, reason="merger")
AWARDED = TenderAwarded(
    tender_id="t1",
    manager_id="m1",
    committed_profit="200.00",
    baseline_profit="100.00",
    customer_ids=("c1", "c2"),
    effective_from=TODAY,
    effective_to=date(2027, 1, 15),
    business_date=TODAY,
)
AWARD = AwardTender(**T, awarded=AWARDED, later=frozenset())
TIERS = {"c1": "gold", "c2": "silver"}
STAFF = {one: standing() for one in ("m1", "m2", "m3")}
RUNNING = Consulted(BEFORE, tiers=TIERS, standings=STAFF, sealed="v1.c2VhbGVk")
CLOSED = replace(RUNNING, now=AFTER, commitments={"m1": 20_000, "m2": 30_000}, loads={"m1": Decimal(1)})


def after(*facts: Fact) -> Tender:
    tender = Tender()
    for fact in facts:
        tender = DECIDER.evolve(tender, fact)
    return tender


def made(command: Command, tender: Tender, consulted: Consulted) -> Fact:
    [fact] = DECIDER.decide(command, tender, consulted)
    assert fact.stream in (DECIDER.stream(command), "proposal-t1#p1")
    return fact


[OPENED] = DECIDER.decide(OPEN, Tender(), RUNNING)
OFFERED = after(OPENED)


def bid_by(*manager_ids: str) -> Tender:
    return after(
        OPENED,
        *(BidMade(tender_id="t1", manager_id=one, sealed="v1.x", business_date=TODAY) for one in manager_ids),
    )


def refusal(command: Command, tender: Tender, consulted: Consulted) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        DECIDER.decide(command, tender, consulted)
    return refused.value.rule, refused.value.field


def test_a_tender_is_opened_with_its_baseline() -> None:
    assert isinstance(OPENED, TenderOpened)
    assert (OPENED.baseline_profit, OPENED.closes_at, OPENED.customer_ids) == (10_000, CLOSES, ("c1", "c2"))


def test_without_a_baseline_it_is_what_the_customers_brought_in_even_a_loss() -> None:
    opened = made(
        replace(OPEN, baseline_profit=None),
        Tender(),
        replace(RUNNING, brought={"c1": 500, "c9": 1, "c2": -700}),
    )
    assert isinstance(opened, TenderOpened)
    assert opened.baseline_profit == -200


@pytest.mark.parametrize(
    ("command", "consulted", "expected"),
    [
        (OPEN, replace(RUNNING, now=AFTER), ("closes-in-future", "closes_at")),
        (
            replace(OPEN, effective_from=TODAY - timedelta(days=1)),
            RUNNING,
            ("award-is-near", "effective_from"),
        ),
        (
            replace(OPEN, effective_from=TODAY + timedelta(days=367)),
            RUNNING,
            ("award-is-near", "effective_from"),
        ),
        (OPEN, replace(RUNNING, tiers={"c1": "gold"}), ("customer-is-known", "customer_ids.1")),
        (
            OPEN,
            replace(RUNNING, claims={"c2": Claim(Process.HAND_OVER, "h1")}),
            ("customer-is-free", "customer_ids.1"),
        ),
    ],
)
def test_a_tender_that_cannot_be_is_not_opened(
    command: Command, consulted: Consulted, expected: tuple[str, str]
) -> None:
    assert refusal(command, Tender(), consulted) == expected


def test_an_award_may_have_its_first_day_today() -> None:
    opened = made(replace(OPEN, effective_from=TODAY), Tender(), RUNNING)
    assert isinstance(opened, TenderOpened)
    assert opened.effective_from == TODAY


@given(profit=st.integers(10**5, 10**12), plan=st.text("月访行金", min_size=3))
def test_what_is_bid_is_in_no_event_and_in_no_text_of_the_command(profit: int, plan: str) -> None:
    command = replace(BID, committed_profit=profit, plan=plan)
    fact = made(command, OFFERED, RUNNING)
    for text in (fact.to_json().decode(), repr(command), repr(fact)):
        assert str(profit) not in text
        assert plan not in text


def test_a_bid_in_the_place_of_another_is_as_late_as_itself() -> None:
    assert bid_by("m1", "m2", "m1").bids == {"m1": 3, "m2": 2}


@given(st.integers(-(10**9), 10**9))
def test_bids_are_taken_and_taken_back_before_the_closing_time_and_never_at_or_after_it(moment: int) -> None:
    consulted = replace(RUNNING, now=CLOSES + timedelta(microseconds=moment))
    for command, tender in ((BID, OFFERED), (WITHDRAW, bid_by("m1"))):
        if moment < 0:
            assert isinstance(made(command, tender, consulted), BidMade | BidWithdrawn)
        else:
            assert refusal(command, tender, consulted) == ("bidding-is-open", "tender_id")
    for judged in (PROPOSE, CLOSE):
        if moment < 0:
            assert refusal(judged, bid_by("m1"), consulted) == ("bidding-is-closed", "tender_id")


def test_who_may_not_have_the_customers_is_refused_by_name_of_the_rule() -> None:
    away = replace(RUNNING, standings={"m1": standing(status=Status.ON_LEAVE)})
    assert refusal(BID, OFFERED, away) == ("manager-is-at-work", "manager_id")
    assert refusal(BID, OFFERED, replace(RUNNING, standings={})) == ("manager-is-there", "manager_id")


def test_only_a_bid_that_is_there_is_withdrawn() -> None:
    assert refusal(WITHDRAW, bid_by("m2"), RUNNING) == ("bid-is-there", "manager_id")
    withdrawn = made(WITHDRAW, bid_by("m1", "m2"), RUNNING)
    assert DECIDER.evolve(bid_by("m1", "m2"), withdrawn).bids == {"m2": 2}


def test_the_award_is_proposed_with_the_ranking_in_it() -> None:
    later = replace(CLOSED, later=frozenset({("c1", date(2026, 3, 1))}))
    proposed = made(PROPOSE, bid_by("m1", "m2"), later)
    assert isinstance(proposed, ChangeProposed)
    content = dict(proposed.content)
    assert [one["manager_id"] for one in content.pop("ranking")] == ["m2", "m1"]
    assert content == {
        "tender_id": "t1",
        "manager_id": "m2",
        "committed_profit": "300.00",
        "baseline_profit": "100.00",
        "customer_ids": ["c1", "c2"],
        "effective_from": None,
        "later": [["c1", "2026-03-01"]],
    }
    assert DECIDER.evolve(OFFERED, proposed) == OFFERED


def test_the_same_award_proposed_again_is_known_also_when_those_behind_are_ranked_otherwise() -> None:
    dated = after(made(replace(OPEN, effective_from=TODAY), Tender(), RUNNING), *_bids("m1", "m2"))
    proposed = made(PROPOSE, dated, CLOSED)
    assert isinstance(proposed, ChangeProposed)
    assert proposed.content["effective_from"] == "2026-01-15"
    waiting = (Open("p0", proposed.kind, "t1", proposed.content),)
    with pytest.raises(AlreadyProposed) as known:
        DECIDER.decide(PROPOSE, dated, replace(CLOSED, waiting=waiting, loads={"m1": Decimal(9)}))
    assert known.value.proposal_id == "p0"


def _bids(*manager_ids: str) -> Sequence[BidMade]:
    return [BidMade(tender_id="t1", manager_id=one, sealed="x", business_date=TODAY) for one in manager_ids]


@pytest.mark.parametrize(
    ("tender", "consulted"),
    [
        (OFFERED, CLOSED),
        (bid_by("m1"), replace(CLOSED, commitments={"m1": 10_000})),
        (bid_by("m1"), replace(CLOSED, standings={"m1": standing(status=Status.DEPARTED)})),
    ],
)
def test_where_no_bid_counts_there_is_no_award_but_an_end(tender: Tender, consulted: Consulted) -> None:
    assert refusal(PROPOSE, tender, consulted) == ("a-bid-counts", "tender_id")
    assert isinstance(made(CLOSE, tender, consulted), TenderClosedWithoutAward)


def test_where_a_bid_counts_there_is_no_end_without_an_award() -> None:
    assert refusal(CLOSE, bid_by("m1", "m2"), CLOSED) == ("no-bid-counts", "tender_id")


def test_what_was_approved_is_awarded_unless_later_days_have_changed() -> None:
    assert made(AWARD, bid_by("m1"), CLOSED) == AWARDED
    changed = replace(CLOSED, later=frozenset({("c1", date(2026, 3, 1))}))
    assert refusal(AWARD, bid_by("m1"), changed) == ("plan-is-current", "customer_ids")


@pytest.mark.parametrize("last", [AWARD, CLOSE, CANCEL])
@pytest.mark.parametrize("command", [BID, WITHDRAW, PROPOSE, AWARD, CLOSE, CANCEL])
def test_a_tender_ends_once(last: Command, command: Command) -> None:
    ended = DECIDER.evolve(OFFERED, made(last, OFFERED, CLOSED))
    assert refusal(command, ended, CLOSED) == ("tender-is-open", "tender_id")


def test_a_cancellation_says_why() -> None:
    cancelled = made(CANCEL, OFFERED, RUNNING)
    assert isinstance(cancelled, TenderCancelled)
    assert cancelled.reason == "merger"


@pytest.mark.parametrize(
    "closes_at", ["2026-01-20T08:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"]
)
def test_a_moment_has_a_zone_and_lies_in_the_years_of_the_bank(closes_at: str) -> None:
    assert isinstance(OPENED, TenderOpened)
    with pytest.raises(ValidationError):
        TenderOpened.model_validate({**OPENED.model_dump(mode="json"), "closes_at": closes_at})
    assert tenders.TenderOpened.model_validate_json(OPENED.to_json()) == OPENED
