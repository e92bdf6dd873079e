"""The whole appraisal on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from services.appraisal import __doc__ as description
from services.appraisal.api import ROUTERS
from services.appraisal.consumer import DOORS
from services.appraisal.domain import results, target, target_event, told
from services.appraisal.settings import Settings
from services.appraisal.views import intake
from services.appraisal.views import target as target_view
from services.appraisal.views.conduct import ConductView
from services.appraisal.views.holding import HoldingView
from services.appraisal.views.intake import IntakeView
from services.appraisal.views.loan import LoanView
from services.appraisal.views.result import ResultView
from services.appraisal.views.staff import StaffView
from services.appraisal.views.stated import StatedView
from services.appraisal.views.target import TargetView
from shared.contracts.asyncapi import asyncapi_of
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import Aggregate, stateless
from shared.infrastructure.event_store import FactReader
from shared.infrastructure.runtime import ServiceDefinition

READERS: Mapping[str, FactReader] = {
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
        ],
        publications={"MessageRefused": partial(dead_letters.to_message, "appraisal")},
        doors=DOORS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "appraisal"),
    )
