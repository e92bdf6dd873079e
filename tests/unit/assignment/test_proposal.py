"""A proposal waits for another person's word, which is given once."""

from datetime import date

import pytest

from services.assignment.domain import proposal as proposals
from services.assignment.domain.proposal import (
    DECIDER,
    AlreadyProposed,
    AssignmentProposed,
    Consulted,
    DecideProposal,
    Proposal,
    ProposalApproved,
    ProposalRejected,
    ProposeAssignment,
)
from shared.contracts.assignment import CustomerAssigned, ManagerShare
from shared.kernel.errors import Refusal

TODAY, PAST = date(2026, 1, 15), date(2025, 6, 1)
MANAGERS = frozenset({"m1", "m2"})


def assigned(customer_id: str = "c1", day: date = PAST, **shares: str) -> CustomerAssigned:
    parts = tuple(ManagerShare(manager_id=manager, share=share) for manager, share in shares.items())
    return CustomerAssigned(customer_id=customer_id, shares=parts, effective_from=day, reason="agreed")


PROPOSE = ProposeAssignment("p1", assigned(m1="0.6", m2="0.4"), "ann", TODAY)
OPEN = Proposal("ann", open=True)


def decision(by: str, *, approve: bool = True) -> DecideProposal:
    return DecideProposal("p1", "c1", approve, by, TODAY, "seen")


def test_a_proposal_says_who_wants_what_and_lies_in_the_customers_shard() -> None:
    [fact] = proposals.decide(PROPOSE, Proposal(), Consulted(MANAGERS))
    assert fact == AssignmentProposed(
        proposal_id="p1", key="c1", business_date=TODAY, proposed_by="ann", assignment=PROPOSE.assigned
    )
    assert DECIDER.stream(PROPOSE) == DECIDER.stream(decision("bob")) == fact.stream == "proposal-c1#p1"
    assert proposals.evolve(Proposal(), fact) == OPEN


def test_a_proposal_with_a_manager_who_is_not_on_record_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        proposals.decide(PROPOSE, Proposal(), Consulted(frozenset({"m1"})))
    assert (refused.value.rule, refused.value.field) == ("manager-is-known", "shares.1.manager_id")


def test_the_same_proposed_again_is_the_proposal_that_is_open() -> None:
    known = Consulted(MANAGERS, {"p7": assigned(m2="0.4", m1="0.6")})
    with pytest.raises(AlreadyProposed) as refused:
        proposals.decide(PROPOSE, Proposal(), known)
    assert refused.value.proposal_id == "p7"


@pytest.mark.parametrize(
    "other",
    [
        assigned("c2", m1="0.6", m2="0.4"),
        assigned(day=date(2025, 6, 2), m1="0.6", m2="0.4"),
        assigned(m1="0.5", m2="0.5"),
    ],
)
def test_another_customer_day_or_share_makes_another_proposal(other: CustomerAssigned) -> None:
    [fact] = proposals.decide(PROPOSE, Proposal(), Consulted(MANAGERS, {"p7": other}))
    assert isinstance(fact, AssignmentProposed)


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
