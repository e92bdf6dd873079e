"""The assignment service's HTTP door: request → command or query. One file a subject."""

from services.assignment.api import assignments, customers, managers, policies, proposals

ROUTERS = (
    policies.router,
    managers.router,
    customers.router,
    assignments.router,
    proposals.router,
)

__all__ = ["ROUTERS"]
