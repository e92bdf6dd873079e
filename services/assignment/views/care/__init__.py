"""Care (客户维护): the read models of visits, complaints, surveys, market feedback and referrals."""

from services.assignment.domain.care import complaint as complaints
from services.assignment.domain.care import feedback as feedbacks
from services.assignment.domain.care import referral as referrals
from services.assignment.domain.care import survey as surveys
from services.assignment.domain.care import visit as visits
from services.assignment.views.care import complaint, feedback, overdue, referral, survey, visit

VIEWS = (
    visit.VisitView(),
    overdue.OverdueView(),
    complaint.ComplaintView(),
    survey.SurveyView(),
    feedback.FeedbackView(),
    referral.ReferralView(),
)

RULES = (
    (visits.DECIDER, visit.consult),
    (complaints.DECIDER, complaint.consult),
    (surveys.DECIDER, survey.consult),
    (feedbacks.DECIDER, feedback.consult),
    (referrals.DECIDER, referral.consult),
)
"""Each decider with what it consults; all fold their short histories."""
