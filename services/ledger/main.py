"""The whole ledger on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from services.ledger import __doc__ as description
from services.ledger.api import ROUTERS
from services.ledger.consumer import DOORS
from services.ledger.domain import booking, catalogue, policy
from services.ledger.domain.catalogue import ProductDefined
from services.ledger.domain.entry import read_entry
from services.ledger.domain.policy import PolicySet
from services.ledger.settings import Settings
from services.ledger.views import customer_book
from services.ledger.views.assignment import AssignmentView
from services.ledger.views.leg import BooksView
from services.ledger.views.loan import LoanView
from services.ledger.views.policy import PolicyView
from services.ledger.views.product import ProductView
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.asyncapi import asyncapi_of
from shared.contracts.ledger import SOURCE, TOPIC
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import Aggregate, folded, stateless
from shared.infrastructure.event_log import Message
from shared.infrastructure.event_store import FactReader, History
from shared.infrastructure.publication import publish_as
from shared.infrastructure.runtime import ServiceDefinition

READERS: Mapping[str, FactReader] = {
    "EntryBooked": read_entry,
    "CustomerAssigned": CustomerAssigned.model_validate_json,
    "ProductDefined": ProductDefined.model_validate_json,
    "PolicySet": PolicySet.model_validate_json,
}


def _entry_message(row: Mapping[str, Any]) -> tuple[str, Message]:
    """Entries go to the partition of their shard, so that consumers see a shard in booking order."""
    place = {"ledgerposition": f"{row['shard']}-{row['position']}"}
    return publish_as(TOPIC, SOURCE, row, partition=row["shard"], extensions=place)


def define(settings: Settings) -> ServiceDefinition:
    """The ledger as ``settings`` want it."""
    return ServiceDefinition(
        name="ledger",
        title="Dualbook ledger",
        description=description or "",
        migrations=Path(__file__).parent / "migrations",
        aggregates=[
            Aggregate(
                booking.DECIDER,
                customer_book.load(customer_book.consult(settings.base_currency)),
                customer_book.consult(settings.base_currency),
                booking.same,
            ),
            Aggregate(catalogue.DECIDER, folded(catalogue.DECIDER, History(READERS))),
            Aggregate(policy.DECIDER, stateless),
        ],
        readers=READERS,
        views=[BooksView(), LoanView(), AssignmentView(), ProductView(), PolicyView()],
        publications={
            "EntryBooked": _entry_message,
            "MessageRefused": partial(dead_letters.to_message, "ledger"),
        },
        doors=DOORS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "ledger"),
    )
