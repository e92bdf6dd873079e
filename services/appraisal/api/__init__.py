"""The appraisal's HTTP door: request → command or query. One file a subject."""

from services.appraisal.api import cards, cycles, schemes, scorecards, sources, targets

ROUTERS = (
    scorecards.router,
    sources.router,
    targets.router,
    schemes.router,
    cycles.router,
    cards.router,
)

__all__ = ["ROUTERS"]
