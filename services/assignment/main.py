"""The whole assignment service on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from services.assignment import __doc__ as description
from services.assignment.api import ROUTERS
from services.assignment.api.compliance.look import look_task
from services.assignment.consumer import doors
from services.assignment.domain import (
    allocation,
    allocation_rule,
    care,
    compliance,
    customer,
    hand_over,
    manager,
    policy,
    proposal,
    register,
    tender,
    tenure,
)
from services.assignment.domain.compliance.large_value import read_deposits
from services.assignment.settings import Settings
from services.assignment.views import allocation as allocation_view
from services.assignment.views import allocation_rule as allocation_rule_view
from services.assignment.views import bid as bid_view
from services.assignment.views import care as care_view
from services.assignment.views import compliance as compliance_view
from services.assignment.views import customer as customer_view
from services.assignment.views import hand_over as hand_over_view
from services.assignment.views import manager as manager_view
from services.assignment.views import proposal as proposal_view
from services.assignment.views import register as register_view
from services.assignment.views.allocation import AllocationView
from services.assignment.views.allocation_rule import AllocationRuleView
from services.assignment.views.assignment import AssignmentView
from services.assignment.views.claim import ClaimView
from services.assignment.views.customer import CustomerView
from services.assignment.views.hand_over import HandOverView
from services.assignment.views.manager import ManagerView
from services.assignment.views.policy import PolicyView
from services.assignment.views.proposal import ProposalView
from services.assignment.views.readings import READINGS
from services.assignment.views.register import RegisterView
from services.assignment.views.tender import TenderView
from shared.contracts import assignment as contract
from shared.contracts.appraisal import ScorecardApproved
from shared.contracts.assignment import SOURCE, TOPIC
from shared.contracts.asyncapi import asyncapi_of, events_of
from shared.contracts.ledger import CustomerResultStated, PeriodClosed
from shared.contracts.types import Contract
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import Aggregate, folded, stateless
from shared.infrastructure.event_log import Message
from shared.infrastructure.event_store import EventRow, FactReader, History
from shared.infrastructure.publication import Publication, publish_as
from shared.infrastructure.runtime import ServiceDefinition

EVENTS: Mapping[str, Any] = events_of(contract)
"""What is told to the other services, by type."""

READERS: Mapping[str, FactReader] = {
    **{name: event.model_validate_json for name, event in EVENTS.items()},
    **{
        kind.__name__: kind.model_validate_json
        for kind in (
            policy.PolicySet,
            manager.ManagerRegistered,
            tenure.ManagerDisciplined,
            ScorecardApproved,
            CustomerResultStated,
            PeriodClosed,
            register.LoanClassNoted,
            allocation_rule.AllocationRulesSet,
            allocation.AllocationApplied,
            customer.CustomerRegistered,
            customer.ProfileChanged,
            proposal.ChangeProposed,
            proposal.ProposalApproved,
            proposal.ProposalRejected,
            *tender.FACTS,
            *hand_over.FACTS,
            *care.FACTS,
            *compliance.FACTS,
        )
    },
    "DepositsWatched": read_deposits,
    "AssignmentProposed": proposal.read_assignment_proposed,
}


def _publish(event: type[Contract], row: EventRow) -> tuple[str, Message]:
    """What the contract promises and nothing else: what is sealed stays here, readable or not."""
    return publish_as(TOPIC, SOURCE, row, data=event.model_validate_json(row.data).to_json())


PUBLICATIONS: Mapping[str, Publication] = {
    **{name: partial(_publish, event) for name, event in EVENTS.items()},
    "MessageRefused": partial(dead_letters.to_message, SOURCE),
}


def define(settings: Settings) -> ServiceDefinition:
    """The assignment service as ``settings`` want it."""
    history = History(READERS)
    return ServiceDefinition(
        name="assignment",
        title="Dualbook assignment",
        description=description or "",
        migrations=Path(__file__).parent / "migrations",
        aggregates=[
            Aggregate(policy.DECIDER, stateless),
            Aggregate(manager.DECIDER, folded(manager.DECIDER, history), manager_view.consult, alone=True),
            Aggregate(
                customer.DECIDER,
                folded(customer.DECIDER, history),
                customer_view.consult,
                follow=customer.follow,
            ),
            Aggregate(
                proposal.DECIDER,
                folded(proposal.DECIDER, history),
                proposal_view.consult,
                follow=proposal.follow,
            ),
            Aggregate(register.DECIDER, stateless, register_view.consult, follow=register.follow),
            Aggregate(allocation_rule.DECIDER, stateless, allocation_rule_view.consult),
            Aggregate(
                allocation.DECIDER,
                folded(allocation.DECIDER, history),
                allocation_view.consult,
                bank_wide=True,
            ),
            Aggregate(tender.DECIDER, folded(tender.DECIDER, history), bid_view.consult, bank_wide=True),
            Aggregate(
                hand_over.DECIDER,
                folded(hand_over.DECIDER, history),
                hand_over_view.consult,
                bank_wide=True,
            ),
            *(Aggregate(decider, folded(decider, history), consult) for decider, consult in care_view.RULES),
            *compliance_view.aggregates(history),
        ],
        readers=READERS,
        views=[
            PolicyView(),
            ManagerView(history),
            CustomerView(),
            AssignmentView(),
            ProposalView(),
            RegisterView(),
            AllocationRuleView(),
            AllocationView(),
            ClaimView(),
            TenderView(),
            HandOverView(),
            *care_view.VIEWS,
            *compliance_view.VIEWS,
        ],
        publications=PUBLICATIONS,
        doors=doors(settings.base_currency),
        tasks=[look_task()],
        readings=READINGS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "assignment"),
    )
