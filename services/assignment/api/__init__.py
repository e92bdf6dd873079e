"""The assignment service's HTTP door: request → command or query. One file a subject."""

from services.assignment.api import (
    allocation_rules,
    allocations,
    assignments,
    care,
    careers,
    compliance,
    customers,
    hand_overs,
    loads,
    managers,
    policies,
    proposals,
    register,
    registrations,
    tenders,
)

ROUTERS = (
    policies.router,
    managers.router,
    careers.router,
    customers.router,
    assignments.router,
    registrations.router,
    proposals.router,
    register.router,
    allocation_rules.router,
    allocations.router,
    loads.router,
    tenders.router,
    hand_overs.router,
    *care.ROUTERS,
    *compliance.ROUTERS,
)

__all__ = ["ROUTERS"]
