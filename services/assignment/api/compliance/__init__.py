"""Compliance (合规) over HTTP: duties, reviews, suspicions and the day's end. One file a subject."""

from services.assignment.api.compliance import duties, look, reviews, suspicions

ROUTERS = (look.router, duties.router, reviews.router, suspicions.router)

__all__ = ["ROUTERS"]
