"""The whole appraisal on one page: deciders, views, doors, routes and what it tells the others."""

from functools import partial
from pathlib import Path

from services.appraisal import __doc__ as description
from services.appraisal.api import ROUTERS
from services.appraisal.consumer import DOORS
from services.appraisal.domain import results
from services.appraisal.settings import Settings
from services.appraisal.views import intake
from services.appraisal.views.intake import IntakeView
from services.appraisal.views.result import ResultView
from shared.contracts.asyncapi import asyncapi_of
from shared.infrastructure import dead_letters
from shared.infrastructure.command_handler import Aggregate
from shared.infrastructure.runtime import ServiceDefinition

READERS = {"ResultsReceived": results.read_results}


def define(_: Settings) -> ServiceDefinition:
    """The appraisal; no setting of its own so far."""
    return ServiceDefinition(
        name="appraisal",
        title="Dualbook appraisal",
        description=description or "",
        migrations=Path(__file__).parent / "migrations",
        aggregates=[Aggregate(results.DECIDER, intake.load)],
        readers=READERS,
        views=[ResultView(), IntakeView()],
        publications={"MessageRefused": partial(dead_letters.to_message, "appraisal")},
        doors=DOORS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "appraisal"),
    )
