"""The whole assignment service on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from services.assignment import __doc__ as description
from services.assignment.api import ROUTERS
from services.assignment.consumer import DOORS
from services.assignment.domain import customer, manager, policy, proposal
from services.assignment.settings import Settings
from services.assignment.views import customer as customer_view
from services.assignment.views import manager as manager_view
from services.assignment.views import proposal as proposal_view
from services.assignment.views.assignment import AssignmentView
from services.assignment.views.customer import CustomerView
from services.assignment.views.manager import ManagerView
from services.assignment.views.policy import PolicyView
from services.assignment.views.portfolio import PortfolioView
from services.assignment.views.proposal import ProposalView
from shared.contracts import assignment as contract
from shared.contracts.assignment import SOURCE, TOPIC
from shared.contracts.asyncapi import asyncapi_of
from shared.contracts.types import Contract
from shared.infrastructure.command_handler import Aggregate, folded, stateless
from shared.infrastructure.event_log import Message
from shared.infrastructure.event_store import FactReader, History
from shared.infrastructure.publication import publish_as
from shared.infrastructure.runtime import ServiceDefinition

READERS: Mapping[str, FactReader] = {
    kind.__name__: kind.model_validate_json
    for kind in (
        policy.PolicySet,
        manager.ManagerRegistered,
        customer.CustomerRegistered,
        contract.CustomerAssigned,
        proposal.AssignmentProposed,
        proposal.ProposalApproved,
        proposal.ProposalRejected,
    )
}


def _publish(event: type[Contract], row: Mapping[str, Any]) -> tuple[str, Message]:
    """What the contract promises and nothing else: what is sealed stays here, readable or not."""
    return publish_as(TOPIC, SOURCE, row, data=event.model_validate_json(row["data"]).to_json())


PUBLICATIONS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, Message]]] = {
    event.__name__: partial(_publish, event)
    for event in (contract.ManagerRegistered, contract.CustomerRegistered, contract.CustomerAssigned)
}


def define(_: Settings) -> ServiceDefinition:
    """The assignment service; no setting changes what it is so far."""
    history = History(READERS)
    return ServiceDefinition(
        name="assignment",
        title="Dualbook assignment",
        description=description or "",
        migrations=Path(__file__).parent / "migrations",
        aggregates=[
            Aggregate(policy.DECIDER, stateless),
            Aggregate(manager.DECIDER, folded(manager.DECIDER, history), manager_view.consult),
            Aggregate(customer.DECIDER, folded(customer.DECIDER, history), customer_view.consult),
            Aggregate(proposal.DECIDER, folded(proposal.DECIDER, history), proposal_view.consult),
        ],
        readers=READERS,
        views=[
            PolicyView(),
            ManagerView(),
            CustomerView(),
            AssignmentView(),
            PortfolioView(),
            ProposalView(),
        ],
        publications=PUBLICATIONS,
        doors=DOORS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "assignment"),
    )
