"""The whole ledger on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger import __doc__ as description
from services.ledger.api import ROUTERS
from services.ledger.consumer import DOORS
from services.ledger.domain import (
    booking,
    catalogue,
    cost_pool,
    ftp_curve,
    organisation,
    period,
    policy,
)
from services.ledger.domain.calendar import Calendar
from services.ledger.domain.catalogue import ProductDefined
from services.ledger.domain.entry import read_entry, summary_of_moves
from services.ledger.domain.ftp_curve import Curves, FtpCurveSet
from services.ledger.domain.organisation import ManagerPlaced
from services.ledger.domain.policy import PolicySet
from services.ledger.settings import Settings
from services.ledger.views import closing, customer_book
from services.ledger.views.assignment import AssignmentView
from services.ledger.views.balance import balance_watch
from services.ledger.views.closing import ClosingView
from services.ledger.views.ftp_curve import FtpCurveView, curves
from services.ledger.views.leg import BooksView
from services.ledger.views.loan import LoanView
from services.ledger.views.organisation import OrganisationView
from services.ledger.views.period import PeriodView, calendar
from services.ledger.views.policy import PolicyView
from services.ledger.views.product import ProductView
from services.ledger.views.readings import count_booked, readings
from shared.contracts.assignment import CustomerAssigned
from shared.contracts.asyncapi import asyncapi_of
from shared.contracts.ledger import (
    SOURCE,
    TOPIC,
    CostPoolDeclared,
    CustomerResultStated,
    DepartmentResultStated,
    ManagerResultStated,
    PeriodClosed,
)
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import Aggregate, folded, stateless
from shared.infrastructure.event_log import Message
from shared.infrastructure.event_store import EventRow, FactReader, History
from shared.infrastructure.publication import publish_as
from shared.infrastructure.runtime import ServiceDefinition

TOLD = (CostPoolDeclared, PeriodClosed, ManagerResultStated, DepartmentResultStated, CustomerResultStated)
"""What the ledger tells the others beside entries, just as it is stored."""

READERS: Mapping[str, FactReader] = {
    "EntryBooked": read_entry,
    "CustomerAssigned": CustomerAssigned.model_validate_json,
    "FtpCurveSet": FtpCurveSet.model_validate_json,
    "ManagerPlaced": ManagerPlaced.model_validate_json,
    "ProductDefined": ProductDefined.model_validate_json,
    "PolicySet": PolicySet.model_validate_json,
    **{kind.__name__: kind.model_validate_json for kind in TOLD},
}


def _message(row: EventRow) -> tuple[str, Message]:
    """To the partition of the event's shard, so that consumers see a shard in booking order."""
    place = {"ledgerposition": f"{row.shard}-{row.position}"}
    data = None
    if row.type == "EntryBooked" and '"moves":[' in row.data:
        data = summary_of_moves(row.data)
    return publish_as(TOPIC, SOURCE, row, partition=row.shard, data=data, extensions=place)


async def _curves(connection: AsyncConnection, _: Sequence[Any]) -> Curves:
    return await curves(connection)


async def _calendar(connection: AsyncConnection, _: Sequence[Any]) -> Calendar:
    return await calendar(connection)


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
            Aggregate(policy.DECIDER, stateless, _curves),
            Aggregate(ftp_curve.DECIDER, stateless),
            Aggregate(organisation.DECIDER, stateless, same=organisation.same),
            Aggregate(cost_pool.DECIDER, folded(cost_pool.DECIDER, History(READERS)), _calendar),
            Aggregate(period.DECIDER, stateless, closing.consult(), bank_wide=True),
        ],
        readers=READERS,
        views=[
            BooksView(),
            LoanView(),
            AssignmentView(),
            OrganisationView(),
            ProductView(),
            PolicyView(),
            FtpCurveView(),
            PeriodView(),
            ClosingView(),
        ],
        publications={
            **dict.fromkeys(("EntryBooked", *(kind.__name__ for kind in TOLD)), _message),
            "MessageRefused": partial(dead_letters.to_message, "ledger"),
        },
        doors=DOORS,
        watches=[balance_watch()],
        readings=readings(),
        on_stored=count_booked,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "ledger"),
    )
