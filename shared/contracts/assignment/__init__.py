"""What the assignment service says (topic ``assignment.events``, keyed by customer or manager id).

Personal data stays in the assignment service: names and contacts are not in these events.
"""

from shared.contracts.assignment.care import (
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintConfirmed,
    ComplaintReceived,
    CustomerReferred,
    CustomerSurveyed,
    ReferralClosed,
    VisitMade,
    VisitMissed,
)
from shared.contracts.assignment.compliance import (
    CustomerReviewed,
    DutyBreached,
    DutyDone,
    DutyKind,
    DutyRaised,
    RiskRating,
)
from shared.contracts.assignment.customers import (
    CustomerAssigned,
    CustomerMoved,
    CustomerRegistered,
    CustomerTierChanged,
    ManagerShare,
    PersonalDataErased,
    Shares,
    check_shares,
)
from shared.contracts.assignment.hand_overs import HandOverCompleted, HandOverGround
from shared.contracts.assignment.managers import (
    ConfidentialitySigned,
    DepartureReason,
    DisciplineAppealDecided,
    DisciplineAppealed,
    GradeChangeRefused,
    GradeGround,
    ManagerConfirmed,
    ManagerDeparted,
    ManagerDisciplined,
    ManagerGraded,
    ManagerRegistered,
    ManagerReturned,
    ManagerTransferred,
    ManagerWentOnLeave,
    Measure,
    QualificationKind,
    QualificationRecorded,
    TrainingTaken,
)
from shared.contracts.assignment.tenders import TenderAwarded

TOPIC = "assignment.events"
SOURCE = "assignment"

__all__ = [
    "SOURCE",
    "TOPIC",
    "ComplaintAnswered",
    "ComplaintAssigned",
    "ComplaintConfirmed",
    "ComplaintReceived",
    "ConfidentialitySigned",
    "CustomerAssigned",
    "CustomerMoved",
    "CustomerReferred",
    "CustomerRegistered",
    "CustomerReviewed",
    "CustomerSurveyed",
    "CustomerTierChanged",
    "DepartureReason",
    "DisciplineAppealDecided",
    "DisciplineAppealed",
    "DutyBreached",
    "DutyDone",
    "DutyKind",
    "DutyRaised",
    "GradeChangeRefused",
    "GradeGround",
    "HandOverCompleted",
    "HandOverGround",
    "ManagerConfirmed",
    "ManagerDeparted",
    "ManagerDisciplined",
    "ManagerGraded",
    "ManagerRegistered",
    "ManagerReturned",
    "ManagerShare",
    "ManagerTransferred",
    "ManagerWentOnLeave",
    "Measure",
    "PersonalDataErased",
    "QualificationKind",
    "QualificationRecorded",
    "ReferralClosed",
    "RiskRating",
    "Shares",
    "TenderAwarded",
    "TrainingTaken",
    "VisitMade",
    "VisitMissed",
    "check_shares",
]
