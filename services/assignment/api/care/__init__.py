"""Care (客户维护) over HTTP: visits, complaints, surveys, market feedback and referrals. One file a subject."""

from services.assignment.api.care import complaints, feedback, referrals, surveys, visits

ROUTERS = (visits.router, complaints.router, surveys.router, feedback.router, referrals.router)

__all__ = ["ROUTERS"]
