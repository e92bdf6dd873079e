"""A hand-over: planned upon the shares of a moment, known to both sides, done by a third person's word or not."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.assignment.domain import hand_over_plan
from services.assignment.domain.claim import Claim, Process
from services.assignment.domain.hand_over import (
    DECIDER,
    AcknowledgeHandOver,
    CancelHandOver,
    Command,
    Complaint,
    CompleteHandOver,
    Consulted,
    HandOver,
    HandOverAcknowledged,
    HandOverCancelled,
    HandOverPlanned,
    PlanHandOver,
    SubmitHandOver,
)
from services.assignment.domain.hand_over_plan import Known, Terms, Wanted
from services.assignment.domain.placing import rooms
from services.assignment.domain.policy import Policies
from services.assignment.domain.proposal import AlreadyProposed, ChangeProposed, Open
from services.assignment.domain.standing import EVER, Career, Status
from services.assignment.domain.succession import Kept, Step
from shared.contracts.assignment import ComplaintAssigned, HandOverCompleted, HandOverGround, ManagerShare
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from tests.support.staff import standing

TODAY = date(2026, 1, 15)
START = date(2026, 2, 1)
H: dict[str, Any] = {"hand_over_id": "h1", "manager_id": "m1", "today": TODAY}
CAREERS = {one: Career((standing(),)) for one in ("m1", "m2", "m3")}


def held(**parts: str) -> tuple[Step, ...]:
    shares = tuple(ManagerShare(manager_id=one, share=share) for one, share in parts.items())
    return (Step(effective_from=START, shares=shares),)


KNOWN = Known(
    careers=CAREERS,
    shares={"c1": held(m1="1"), "c2": held(m1="0.6", m2="0.4")},
    tiers={"c1": "gold", "c2": "gold"},
)
CONSULTED = Consulted(KNOWN)
TERMS = Terms("m1", HandOverGround.TRANSFER, START, (Wanted("c1", "m2"), Wanted("c2", "m3")))
PLAN = PlanHandOver(**H, terms=TERMS, planned_by="ann")
SUBMIT = SubmitHandOver(**H, proposal_id="p1", proposed_by="ann")
COMPLETE = CompleteHandOver(**H, approved_by="bob")
CANCEL = CancelHandOver(**H, reason="stays")
EMERGENCY = replace(TERMS, ground=HandOverGround.EMERGENCY, wanted=(), team_id="t1")


def acknowledge(party: str) -> AcknowledgeHandOver:
    return AcknowledgeHandOver(**H, acknowledged_by=party)


def plan(terms: Terms, consulted: Consulted = CONSULTED) -> HandOverPlanned:
    [fact] = DECIDER.decide(replace(PLAN, terms=terms), HandOver(), consulted)
    assert isinstance(fact, HandOverPlanned)
    assert fact.stream == DECIDER.stream(PLAN) == "handover-m1#h1"
    return fact


def known_to(planned: HandOverPlanned, *parties: str) -> HandOver:
    hand_over = DECIDER.evolve(HandOver(), planned)
    for party in parties:
        for fact in DECIDER.decide(acknowledge(party), hand_over, Consulted()):
            hand_over = DECIDER.evolve(hand_over, fact)
    return hand_over


def refusal(command: Command, hand_over: HandOver, consulted: Consulted = CONSULTED) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        DECIDER.decide(command, hand_over, consulted)
    return refused.value.rule, refused.value.field


READY = known_to(plan(TERMS), "m1", "m2", "m3")


def test_a_plan_holds_the_shares_as_they_are_and_as_they_are_to_be() -> None:
    planned = plan(TERMS)
    assert [(item.customer_id, item.before) for item in planned.items] == list(KNOWN.shares.items())
    assert [item.after for item in planned.items] == [held(m2="1"), held(m2="0.4", m3="0.6")]
    assert HandOverPlanned.model_validate_json(planned.to_json()) == planned


def tail(*kept: tuple[str, int]) -> tuple[Wanted, ...]:
    return (Wanted("c1", "m2", tuple(Kept(share=share, months=months) for share, months in kept)),)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (
            replace(TERMS, effective_from=TODAY + timedelta(days=367)),
            ("hand-over-is-near", "effective_from"),
        ),
        (replace(TERMS, manager_id="m9"), ("manager-is-known", "manager_id")),
        (replace(TERMS, manager_id="m3"), ("manager-looks-after", "items.0.customer_id")),
        (replace(TERMS, wanted=(Wanted("c9", "m2"),)), ("customer-is-known", "items.0.customer_id")),
        (replace(TERMS, wanted=(Wanted("c1", "m9"),)), ("manager-is-known", "items.0.successor_id")),
        (replace(TERMS, wanted=(Wanted("c1", "m1"),)), ("successor-is-another", "items.0.successor_id")),
        (replace(TERMS, wanted=tail(("1", 1))), ("tail-falls", "items.0.tail")),
        (replace(TERMS, wanted=tail(("0.3", 1), ("0.3", 1))), ("tail-falls", "items.0.tail")),
        (
            replace(TERMS, ground=HandOverGround.DEPARTURE, wanted=tail(("0.3", 1))),
            ("manager-is-there", "items.0.tail"),
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused(terms: Terms, expected: tuple[str, str]) -> None:
    assert refusal(replace(PLAN, terms=terms), HandOver()) == expected


def test_who_leaves_later_may_keep_a_tail_until_then() -> None:
    leaves_on = date(2026, 4, 1)
    gone = standing(leaves_on, Status.DEPARTED)
    careers = {**CAREERS, "m1": Career((standing(), gone))}
    consulted = Consulted(replace(KNOWN, careers=careers))
    terms = replace(TERMS, ground=HandOverGround.DEPARTURE, wanted=tail(("0.3", 2)))
    assert len(plan(terms, consulted).items[0].after) == 2
    longer = replace(terms, wanted=tail(("0.3", 2), ("0.1", 1)))
    assert refusal(replace(PLAN, terms=longer), HandOver(), consulted) == ("manager-is-there", "items.0.tail")


def test_a_customer_in_another_process_is_not_free() -> None:
    consulted = replace(CONSULTED, claims={"c2": Claim(Process.TENDER, "t1")})
    assert refusal(PLAN, HandOver(), consulted) == ("customer-is-free", "items.1.customer_id")


def team(*manager_ids: str) -> Consulted:
    careers = {one: CAREERS[one] for one in manager_ids}
    return Consulted(replace(KNOWN, team=list(rooms(START, Policies(), careers, {}).values())))


def test_an_emergency_spreads_over_the_team_but_not_to_the_manager() -> None:
    planned = plan(EMERGENCY, team("m1", "m2", "m3"))
    assert [(item.customer_id, item.successor_id) for item in planned.items] == [("c1", "m2"), ("c2", "m3")]


def test_a_team_must_have_room_and_a_manager_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    command = replace(PLAN, terms=EMERGENCY)
    assert refusal(command, HandOver(), team("m1")) == ("team-has-room", "team_id")
    nobody = Consulted(replace(KNOWN, shares={}))
    assert refusal(command, HandOver(), nobody) == ("manager-looks-after", "manager_id")
    monkeypatch.setattr(hand_over_plan, "MOST_HANDED_OVER", 1)
    assert refusal(command, HandOver(), team("m2")) == ("one-hand-over-is-bounded", "team_id")


def test_only_parties_acknowledge_and_each_once() -> None:
    hand_over = known_to(plan(TERMS))
    assert refusal(acknowledge("m9"), hand_over) == ("parties-acknowledge", "manager_id")
    [fact] = DECIDER.decide(acknowledge("m1"), hand_over, CONSULTED)
    assert isinstance(fact, HandOverAcknowledged)
    assert DECIDER.decide(acknowledge("m1"), DECIDER.evolve(hand_over, fact), CONSULTED) == []


@pytest.mark.parametrize("absent", ["m1", "m2", "m3"])
def test_nothing_is_proposed_before_all_parties_know(absent: str) -> None:
    hand_over = known_to(plan(TERMS), *({"m1", "m2", "m3"} - {absent}))
    assert refusal(SUBMIT, hand_over) == ("both-sides-acknowledge", "hand_over_id")


@pytest.mark.parametrize(
    ("ground", "career", "excused"),
    [
        (HandOverGround.DEPARTURE, Career((standing(EVER, Status.DEPARTED),)), True),
        (HandOverGround.EMERGENCY, Career((standing(EVER, Status.ON_LEAVE),)), True),
        (HandOverGround.EMERGENCY, Career((standing(TODAY + timedelta(days=1)),)), True),
        (HandOverGround.EMERGENCY, Career((standing(),)), False),
        (HandOverGround.LEAVE, Career((standing(EVER, Status.ON_LEAVE),)), False),
    ],
)
def test_who_is_gone_in_a_departure_or_emergency_need_not_acknowledge(
    ground: HandOverGround, career: Career, excused: bool
) -> None:
    hand_over = known_to(plan(replace(TERMS, ground=ground)), "m2", "m3")
    consulted = Consulted(replace(KNOWN, careers={"m1": career}))
    if excused:
        [fact] = DECIDER.decide(SUBMIT, hand_over, consulted)
        assert isinstance(fact, ChangeProposed)
    else:
        assert refusal(SUBMIT, hand_over, consulted) == ("both-sides-acknowledge", "hand_over_id")


def test_the_proposal_holds_what_is_to_be_done_and_is_made_once() -> None:
    [proposed] = DECIDER.decide(SUBMIT, READY, CONSULTED)
    assert isinstance(proposed, ChangeProposed)
    assert (proposed.key, proposed.proposed_by) == ("h1", "ann")
    assert [item["after"] for item in proposed.content["items"]] == [
        [step.model_dump(mode="json") for step in item.after] for item in plan(TERMS).items
    ]
    assert DECIDER.evolve(READY, proposed) == READY
    waiting = replace(CONSULTED, waiting=(Open("p0", proposed.kind, "h1", proposed.content),))
    with pytest.raises(AlreadyProposed):
        DECIDER.decide(SUBMIT, READY, waiting)


@pytest.mark.parametrize("approver", ["m1", "m2", "m3", "ann"])
def test_neither_a_party_nor_who_planned_it_decides_on_it(approver: str) -> None:
    assert refusal(replace(COMPLETE, approved_by=approver), READY) == ("third-person", "proposal_id")


@pytest.mark.parametrize("command", [SUBMIT, COMPLETE])
def test_a_plan_that_is_no_longer_current_is_not_done(command: Command) -> None:
    changed = Consulted(replace(KNOWN, shares={**KNOWN.shares, "c2": held(m2="1")}))
    assert refusal(command, READY, changed) == ("plan-is-current", "hand_over_id")


def test_what_is_done_says_who_has_whom_and_moves_the_complaints() -> None:
    consulted = replace(CONSULTED, complaints=(Complaint("k1", "c2"), Complaint("k2", "c1")))
    completed, *moved = DECIDER.decide(COMPLETE, READY, consulted)
    assert isinstance(completed, HandOverCompleted)
    assert [(one.customer_id, one.successor_id) for one in completed.items] == [("c1", "m2"), ("c2", "m3")]
    assert completed.complaint_ids == ("k1", "k2")
    assert [_assigned(fact) for fact in moved] == [("k1", "m3"), ("k2", "m2")]
    assert DECIDER.evolve(READY, moved[0]) == READY


def _assigned(fact: Fact) -> tuple[str, str]:
    assert isinstance(fact, ComplaintAssigned)
    return fact.complaint_id, fact.manager_id


@pytest.mark.parametrize("last", [COMPLETE, CANCEL])
@pytest.mark.parametrize("command", [acknowledge("m1"), SUBMIT, COMPLETE, CANCEL])
def test_a_hand_over_ends_once(last: Command, command: Command) -> None:
    [end] = DECIDER.decide(last, READY, CONSULTED)
    assert isinstance(end, HandOverCompleted | HandOverCancelled)
    assert refusal(command, DECIDER.evolve(READY, end)) == ("hand-over-is-open", "hand_over_id")
