"""The whole appraisal on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from services.appraisal import __doc__ as description
from services.appraisal.api import ROUTERS
from services.appraisal.consumer import DOORS
from services.appraisal.domain import cycle, cycle_event, results, scheme, target, target_event, told
from services.appraisal.domain.scheme import SchemeSet
from services.appraisal.settings import Settings
from services.appraisal.views import cycle as cycle_view
from services.appraisal.views import intake
from services.appraisal.views import target as target_view
from services.appraisal.views.card import CardView
from services.appraisal.views.conduct import ConductView
from services.appraisal.views.cycle import CycleView
from services.appraisal.views.holding import HoldingView
from services.appraisal.views.intake import IntakeView
from services.appraisal.views.loan import LoanView
from services.appraisal.views.result import ResultView
from services.appraisal.views.scheme import SchemeView
from services.appraisal.views.staff import StaffView
from services.appraisal.views.stated import StatedView
from services.appraisal.views.target import TargetView
from shared.contracts import appraisal as contract
from shared.contracts.appraisal import SOURCE, TOPIC
from shared.contracts.asyncapi import asyncapi_of, events_of
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import Aggregate, folded, stateless
from shared.infrastructure.event_store import FactReader, History
from shared.infrastructure.publication import publish_as
from shared.infrastructure.runtime import ServiceDefinition

EVENTS: Mapping[str, Any] = events_of(contract)
"""What is told to the other services, by type."""

READERS: Mapping[str, FactReader] = {
    **{name: event.model_validate_json for name, event in EVENTS.items()},
    **{kind.__name__: kind.model_validate_json for kind in (SchemeSet, *cycle_event.FACTS)},
    "ResultsReceived": results.read_results,
    **{name: kind.model_validate_json for name, kind in told.KEPT.items()},
    **{kind.__name__: kind.model_validate_json for kind in target_event.FACTS},
}


def define(_: Settings) -> ServiceDefinition:
    """The appraisal; no setting of its own so far."""
    return ServiceDefinition(
        name="appraisal",
        title="Dualbook appraisal",
        description=description or "",
        migrations=Path(__file__).parent / "migrations",
        aggregates=[
            Aggregate(scheme.DECIDER, folded(scheme.DECIDER, History(READERS))),
            Aggregate(
                cycle.DECIDER, folded(cycle.DECIDER, History(READERS)), cycle_view.consult, bank_wide=True
            ),
            Aggregate(results.DECIDER, intake.load),
            Aggregate(told.DECIDER, stateless),
            Aggregate(target.DECIDER, target_view.load, target_view.consult),
        ],
        readers=READERS,
        views=[
            ResultView(),
            IntakeView(),
            StaffView(),
            HoldingView(),
            LoanView(),
            StatedView(),
            ConductView(),
            TargetView(),
            SchemeView(),
            CycleView(),
            CardView(),
        ],
        publications={
            **dict.fromkeys(EVENTS, partial(publish_as, TOPIC, SOURCE)),
            "MessageRefused": partial(dead_letters.to_message, SOURCE),
        },
        doors=DOORS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "appraisal"),
    )
