"""The appraisal's HTTP door: request → command or query. One file a subject."""

from services.appraisal.api import scorecards

ROUTERS = (scorecards.router,)

__all__ = ["ROUTERS"]
