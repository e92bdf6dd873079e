"""What the appraisal service says (topic ``appraisal.events``, keyed by manager id)."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.money import parse_rate

TOPIC = "appraisal.events"
SOURCE = "appraisal"


class Rating(StrEnum):
    """What an appraisal comes to (考核等级), best first."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


Points = Annotated[
    Decimal,
    BeforeValidator(lambda value: value if isinstance(value, Decimal) else parse_rate(value)),
    PlainSerializer(lambda points: f"{points:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,6}(\.\d{1,6})?$", "examples": ["87.25"]}),
]


class ScorecardApproved(Contract):
    """The appraisal of a manager for a period is decided (考核结果)."""

    manager_id: CentreId
    period: str
    rating: Rating
    approved_on: BusinessDate
    cycle_id: Id | None = None
    total: Points | None = None

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
