"""The appraisal's HTTP door: request → command or query. One file a subject."""

from services.appraisal.api import (
    cards,
    cycles,
    incentives,
    ladder,
    measures,
    payroll,
    rankings,
    schemes,
    scorecards,
    sources,
    targets,
    vaults,
    what_if,
)

ROUTERS = (
    scorecards.router,
    sources.router,
    targets.router,
    schemes.router,
    cycles.router,
    cards.router,
    incentives.router,
    vaults.router,
    ladder.router,
    measures.router,
    payroll.router,
    rankings.router,
    what_if.router,
)

__all__ = ["ROUTERS"]
