"""Customer managers: who they are, where they belong, what they have learnt, and how they come and go."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from shared.contracts.types import Amount, BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.errors import Malformed
from shared.kernel.money import parse_rate


class _OfManager(Contract):
    """What all events of a manager carry."""

    manager_id: CentreId

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}"


class ManagerRegistered(_OfManager):
    """A customer manager (客户经理) came on record. The last two dates are for staff taken over."""

    branch_id: Id
    team_id: Id | None = None
    grade: Id
    hired_on: BusinessDate | None = None
    confirmed_on: BusinessDate | None = None
    confidentiality_signed_on: BusinessDate | None = None
    business_date: BusinessDate


class ConfidentialitySigned(_OfManager):
    """The confidentiality undertaking (保密承诺) was signed; no customer before that."""

    signed_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.signed_on


class ManagerConfirmed(_OfManager):
    """Probation (试用期) was passed."""

    confirmed_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.confirmed_on


class ManagerTransferred(_OfManager):
    """A manager belongs to another branch or team (调动) from a day on; a later word for the same day replaces."""

    branch_id: Id
    team_id: Id | None = None
    effective_from: BusinessDate
    reason: Text

    @property
    def business_date(self) -> date:
        return self.effective_from


class ManagerWentOnLeave(_OfManager):
    """A leave (休假) began: no new customers until the return."""

    effective_from: BusinessDate
    reason: Text

    @property
    def business_date(self) -> date:
        return self.effective_from


class ManagerReturned(_OfManager):
    """The leave ended the day before."""

    returned_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.returned_on


class DepartureReason(StrEnum):
    """Why a manager leaves: resigned 辞职, probation-ended 试用不合格, dismissed 解聘, retired 退休, moved 转岗."""

    RESIGNED = "resigned"
    PROBATION_ENDED = "probation-ended"
    DISMISSED = "dismissed"
    RETIRED = "retired"
    MOVED = "moved"


class ManagerDeparted(_OfManager):
    """A manager left (离职); ``departed_on`` is the first day on which they are no manager any more."""

    departed_on: BusinessDate
    reason: DepartureReason

    @property
    def business_date(self) -> date:
        return self.departed_on


class QualificationKind(StrEnum):
    """Education 学历, certificate 资格证书 (CFP, CFA, AFP …), exam 等级考试, experience 银行从业起始."""

    EDUCATION = "education"
    CERTIFICATE = "certificate"
    EXAM = "exam"
    EXPERIENCE = "experience"


class QualificationRecorded(_OfManager):
    """What a manager has obtained; of experience, ``obtained_on`` is the first day in banking."""

    kind: QualificationKind
    name: Id
    obtained_on: BusinessDate
    expires_on: BusinessDate | None = None

    @property
    def business_date(self) -> date:
        return self.obtained_on


def _hours(value: object) -> Decimal:
    hours = value if isinstance(value, Decimal) else parse_rate(value)
    if not 0 < hours <= 1000:
        raise Malformed('must be hours above 0 and at most 1000, such as "7.5"')
    return hours


Hours = Annotated[
    Decimal,
    BeforeValidator(_hours),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,4}(\.\d{1,6})?$", "examples": ["7.5"]}),
]


class TrainingTaken(_OfManager):
    """A course (培训) was taken."""

    course: Text
    hours: Hours
    taken_on: BusinessDate

    @property
    def business_date(self) -> date:
        return self.taken_on


class GradeGround(StrEnum):
    """What a change of grade goes back to: appraisal 考核, exam 考试, appointment 聘任."""

    APPRAISAL = "appraisal"
    EXAM = "exam"
    APPOINTMENT = "appointment"


class ManagerGraded(_OfManager):
    """A manager's grade (等级) from a day on. ``overridden`` says why although requirements are not met."""

    grade: Id
    previous_grade: Id
    effective_from: BusinessDate
    ground: GradeGround
    reference: Text
    overridden: Text | None = None

    @property
    def business_date(self) -> date:
        return self.effective_from


class GradeChangeRefused(_OfManager):
    """A decided change of grade cannot be applied, and why: requirements that the manager does not meet."""

    grade: Id
    effective_from: BusinessDate
    reference: Text
    reason: str

    @property
    def business_date(self) -> date:
        return self.effective_from


class Measure(StrEnum):
    """Disciplinary measures (处分): warning 警告, fine 罚款, suspension 停职, end-of-contract 解除合同."""

    WARNING = "warning"
    FINE = "fine"
    SUSPENSION = "suspension"
    END_OF_CONTRACT = "end-of-contract"


class ManagerDisciplined(_OfManager):
    """A disciplinary measure; of a suspension or end of contract, from ``effective_from`` on no new customers."""

    discipline_id: Id
    measure: Measure
    ground: Text
    effective_from: BusinessDate
    ends_on: BusinessDate | None = None
    amount: Amount | None = None

    @property
    def business_date(self) -> date:
        return self.effective_from


class DisciplineAppealed(_OfManager):
    """The manager objects to a measure (申诉)."""

    discipline_id: Id
    grounds: Text
    business_date: BusinessDate


class DisciplineAppealDecided(_OfManager):
    """What became of the appeal; a measure that is not upheld counts as if it had never been."""

    discipline_id: Id
    upheld: bool
    reason: Text
    business_date: BusinessDate
