"""Care (客户维护): visits, complaints, surveys, market feedback and referrals, each an aggregate of its own."""

from services.assignment.domain.care.complaint import (
    ComplaintAnswered,
    ComplaintConfirmed,
    ComplaintReceived,
)
from services.assignment.domain.care.feedback import FeedbackAnswered, FeedbackGiven
from services.assignment.domain.care.missed import VisitMissed
from services.assignment.domain.care.referral import CustomerReferred, ReferralClosed
from services.assignment.domain.care.survey import CustomerSurveyed
from services.assignment.domain.care.visit import VisitMade

FACTS = (
    VisitMade,
    VisitMissed,
    ComplaintReceived,
    ComplaintAnswered,
    ComplaintConfirmed,
    CustomerSurveyed,
    FeedbackGiven,
    FeedbackAnswered,
    CustomerReferred,
    ReferralClosed,
)
"""The events that hold more than the contract's, or that are not published at all."""
