"""The whole appraisal on one page: deciders, views, doors, routes and what it tells the others."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from services.appraisal import __doc__ as description
from services.appraisal.api import ROUTERS
from services.appraisal.api.clawbacks import clawback_task
from services.appraisal.consumer import DOORS
from services.appraisal.domain import (
    award,
    clawback,
    cycle,
    cycle_event,
    incentive,
    ladder,
    ladder_event,
    ladder_policy,
    measure,
    measure_event,
    results,
    scheme,
    target,
    target_event,
    told,
    vault,
    vault_event,
)
from services.appraisal.domain.scheme import SchemeSet
from services.appraisal.settings import Settings
from services.appraisal.views import award_sheet as award_sheet_view
from services.appraisal.views import cycle as cycle_view
from services.appraisal.views import grade_change as grade_change_view
from services.appraisal.views import intake
from services.appraisal.views import loan_result as loan_result_view
from services.appraisal.views import measure as measure_view
from services.appraisal.views import target as target_view
from services.appraisal.views.award_sheet import AwardSheetView
from services.appraisal.views.card import CardView
from services.appraisal.views.conduct import ConductView
from services.appraisal.views.cycle import CycleView
from services.appraisal.views.department_fund import DepartmentFundView
from services.appraisal.views.grade_change import GradeChangeView
from services.appraisal.views.holding import HoldingView
from services.appraisal.views.incentive_policy import IncentivePolicyView
from services.appraisal.views.intake import IntakeView
from services.appraisal.views.ladder_policy import LadderPolicyView
from services.appraisal.views.loan import LoanView
from services.appraisal.views.loan_result import LoanResultView
from services.appraisal.views.measure import MeasureView
from services.appraisal.views.payroll import PayrollView
from services.appraisal.views.readings import READINGS
from services.appraisal.views.result import ResultView
from services.appraisal.views.scheme import SchemeView
from services.appraisal.views.staff import StaffView
from services.appraisal.views.stated import StatedView
from services.appraisal.views.target import TargetView
from services.appraisal.views.vault import VaultView
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
    **{
        kind.__name__: kind.model_validate_json
        for kind in (
            incentive.IncentivePolicySet,
            award.AwardsProposed,
            award.AwardsApproved,
            vault_event.ClawbackTargetSet,
            vault_event.ClaimSettled,
            clawback.ReclassificationsWorked,
            ladder_policy.LadderPolicySet,
            *ladder_event.FACTS,
            *measure_event.FACTS,
        )
    },
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
            Aggregate(incentive.DECIDER, stateless),
            Aggregate(
                award.DECIDER,
                folded(award.DECIDER, History(READERS)),
                award_sheet_view.consult,
                bank_wide=True,
            ),
            Aggregate(vault.DECIDER, folded(vault.DECIDER, History(READERS))),
            Aggregate(clawback.DECIDER, stateless, loan_result_view.unworked, follow=clawback.follow),
            Aggregate(ladder_policy.DECIDER, stateless),
            Aggregate(
                ladder.DECIDER,
                folded(ladder.DECIDER, History(READERS)),
                grade_change_view.consult,
                alone=True,
            ),
            Aggregate(measure.DECIDER, folded(measure.DECIDER, History(READERS)), measure_view.consult),
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
            IncentivePolicyView(),
            AwardSheetView(),
            VaultView(),
            DepartmentFundView(),
            LoanResultView(),
            LadderPolicyView(),
            GradeChangeView(),
            MeasureView(),
            PayrollView(),
        ],
        publications={
            **dict.fromkeys(EVENTS, partial(publish_as, TOPIC, SOURCE)),
            "MessageRefused": partial(dead_letters.to_message, SOURCE),
        },
        doors=DOORS,
        tasks=[clawback_task()],
        readings=READINGS,
        routers=ROUTERS,
        asyncapi=partial(asyncapi_of, "appraisal"),
    )
