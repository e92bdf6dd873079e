"""What the appraisal service says (topic ``appraisal.events``, keyed by manager id)."""

from datetime import date
from enum import StrEnum

from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text

TOPIC = "appraisal.events"
SOURCE = "appraisal"


class Rating(StrEnum):
    """What an appraisal comes to (考核等级), best first."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class ScorecardApproved(Contract):
    """The appraisal of a manager for a period is decided (考核结果)."""

    manager_id: CentreId
    period: str
    rating: Rating
    approved_on: BusinessDate

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}"

    @property
    def business_date(self) -> date:
        return self.approved_on


class GradeChangeDecided(Contract):
    """A manager is to have another grade from a day on, as the appraisal decided (等级评定)."""

    decision_id: Id
    manager_id: CentreId
    grade: Id
    effective_from: BusinessDate
    reason: Text

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}"

    @property
    def business_date(self) -> date:
        return self.effective_from
