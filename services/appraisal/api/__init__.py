"""The appraisal's HTTP door: request → command or query. One file a subject."""

from services.appraisal.api import scorecards, sources, targets

ROUTERS = (scorecards.router, sources.router, targets.router)

__all__ = ["ROUTERS"]
