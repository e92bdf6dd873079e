"""Read models of compliance: duties, sums of deposits, reviews, suspicions, and what the day's end looks at."""

from services.assignment.domain.compliance import duty as duties
from services.assignment.domain.compliance import large_value
from services.assignment.domain.compliance import look as looks
from services.assignment.domain.compliance import review as reviews
from services.assignment.domain.compliance import suspicion as suspicions
from services.assignment.views.compliance import deposits, duty, look, review, suspicion
from services.assignment.views.compliance.review_due import ReviewDueView
from shared.infrastructure.command_handler import Aggregate, folded, stateless
from shared.infrastructure.event_store import History

VIEWS = (
    duty.DutyView(),
    deposits.DepositsView(),
    review.ReviewView(),
    ReviewDueView(),
    suspicion.SuspicionView(),
)


def aggregates(history: History) -> list[Aggregate]:
    """The rules with what they consult; those that raise, do or breach duties are each decided alone."""
    return [
        Aggregate(duties.DECIDER, folded(duties.DECIDER, history), duty.consult),
        Aggregate(large_value.DECIDER, stateless, deposits.consult, alone=True),
        Aggregate(reviews.DECIDER, folded(reviews.DECIDER, history), review.consult, alone=True),
        Aggregate(suspicions.DECIDER, folded(suspicions.DECIDER, history), suspicion.consult),
        Aggregate(looks.DECIDER, stateless, look.consult, alone=True),
    ]
