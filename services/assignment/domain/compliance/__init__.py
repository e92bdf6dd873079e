"""Compliance (合规): duties, the watch over large transactions, reviews, suspicions, and the day's end."""

from services.assignment.domain.compliance.duty import DutyDone
from services.assignment.domain.compliance.review import CustomerReviewed
from services.assignment.domain.compliance.suspicion import SuspicionDecided, SuspicionReported

FACTS = (DutyDone, CustomerReviewed, SuspicionReported, SuspicionDecided)
"""The events that hold more than the contract's, or that are not published at all; ``DepositsWatched`` is another."""
