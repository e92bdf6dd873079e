"""A proposal waits for another person's word, which is given once."""

from datetime import date

import pytest

from services.assignment.domain import proposal as proposals
from services.assignment.domain.proposal import (
    DECIDER,
    AlreadyProposed,
    ChangeProposed,
    Consulted,
    DecideProposal,
    Kind,
    Open,
    Proposal,
    ProposalApproved,
    ProposalRejected,
    Propose,
)
from shared.kernel.errors import Refusal

TODAY = date(2026, 1, 15)
MANAGERS = frozenset({"m1", "m2"})


def propose(kind: Kind = Kind.ASSIGNMENT, key: str = "c1", **content: str) -> Propose:
    return Propose("p1", kind, key, content, "ann", TODAY, frozenset({"m1", "m2"}))


PROPOSE = propose(shares="m1 0.6, m2 0.4", reason="agreed")
OPEN = Proposal("ann", open=True)


def decision(by: str, *, approve: bool = True) -> DecideProposal:
    return DecideProposal("p1", "c1", approve, by, TODAY, "seen")


def test_a_proposal_says_who_wants_what_and_lies_in_the_shard_of_what_it_concerns() -> None:
    [fact] = proposals.decide(PROPOSE, Proposal(), Consulted(MANAGERS))
    assert fact == ChangeProposed(
        proposal_id="p1",
        key="c1",
        business_date=TODAY,
        kind=Kind.ASSIGNMENT,
        proposed_by="ann",
        content=dict(PROPOSE.content),
    )
    assert DECIDER.stream(PROPOSE) == DECIDER.stream(decision("bob")) == fact.stream == "proposal-c1#p1"
    assert proposals.evolve(Proposal(), fact) == OPEN
    assert ChangeProposed.model_validate_json(fact.to_json()) == fact


def test_a_proposal_with_a_manager_who_is_not_on_record_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        proposals.decide(PROPOSE, Proposal(), Consulted(frozenset({"m1"})))
    assert (refused.value.rule, refused.value.detail) == ("manager-is-known", "there is no manager m2")


def waiting(like: Propose) -> Consulted:
    return Consulted(MANAGERS, [Open("p7", like.kind, like.key, like.content)])


def test_the_same_proposed_again_for_another_reason_is_the_proposal_that_is_open() -> None:
    known = waiting(propose(shares="m1 0.6, m2 0.4", reason="in other words"))
    with pytest.raises(AlreadyProposed) as refused:
        proposals.decide(PROPOSE, Proposal(), known)
    assert refused.value.proposal_id == "p7"


def test_the_same_proposed_twice_in_one_batch_is_one_proposal() -> None:
    [fact] = proposals.decide(PROPOSE, Proposal(), Consulted(MANAGERS))
    known = proposals.follow(Consulted(MANAGERS), fact)
    with pytest.raises(AlreadyProposed):
        proposals.decide(PROPOSE, Proposal(), known)
    [decided] = proposals.decide(decision("bob"), OPEN, known)
    assert proposals.follow(known, decided) == known


@pytest.mark.parametrize(
    "other",
    [
        propose(key="c2", shares="m1 0.6, m2 0.4"),
        propose(Kind.TIER, shares="m1 0.6, m2 0.4"),
        propose(shares="m1 0.5, m2 0.5"),
    ],
)
def test_another_aggregate_kind_or_content_makes_another_proposal(other: Propose) -> None:
    [fact] = proposals.decide(PROPOSE, Proposal(), waiting(other))
    assert isinstance(fact, ChangeProposed)


def test_a_proposal_of_the_first_shape_is_read_as_one_of_todays() -> None:
    data = (
        '{"proposal_id":"p1","key":"c1","business_date":"2026-01-15","proposed_by":"ann","assignment":{"customer_id":'
        '"c1","shares":[{"manager_id":"m1","share":"1"}],"effective_from":"2025-06-01","reason":"agreed"}}'
    )
    read = proposals.read_assignment_proposed(data)
    assert (read.kind, read.proposed_by, read.stream) == (Kind.ASSIGNMENT, "ann", "proposal-c1#p1")
    assert read.content["shares"] == [{"manager_id": "m1", "share": "1"}]


@pytest.mark.parametrize(("approve", "event"), [(True, ProposalApproved), (False, ProposalRejected)])
def test_another_person_approves_or_rejects(
    approve: bool, event: type[ProposalApproved] | type[ProposalRejected]
) -> None:
    [fact] = proposals.decide(decision("bob", approve=approve), OPEN, Consulted())
    assert fact == event(proposal_id="p1", key="c1", business_date=TODAY, decided_by="bob", reason="seen")
    assert proposals.evolve(OPEN, fact) == Proposal("ann", open=False)


@pytest.mark.parametrize("approve", [True, False])
def test_nobody_decides_on_what_they_proposed(approve: bool) -> None:
    with pytest.raises(Refusal) as refused:
        proposals.decide(decision("ann", approve=approve), OPEN, Consulted())
    assert refused.value.rule == "four-eyes"


@pytest.mark.parametrize("state", [Proposal(), Proposal("ann", open=False)])
def test_only_an_open_proposal_is_decided_on(state: Proposal) -> None:
    with pytest.raises(Refusal) as refused:
        proposals.decide(decision("bob"), state, Consulted())
    assert refused.value.rule == "proposal-is-open"
