"""What the appraisal service says (topic ``appraisal.events``, keyed by manager id)."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Money, Rate, Text
from shared.kernel.books import LoanClass
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


AwardId = Annotated[str, StringConstraints(pattern=r"^[\w.:@+-]{1,129}$")]
"""The id of an award: those of its cycle and manager with a colon between them."""


class Instalment(Contract):
    """A deferred part of an award (延期支付), and the day on which it falls due."""

    due_on: BusinessDate
    amount: Money


class _OfVault(Contract):
    """What all events about a manager's awards carry; they lie in the manager's vault."""

    award_id: AwardId
    cycle_id: Id
    manager_id: CentreId
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"vault-{self.manager_id}"


class AwardGranted(_OfVault):
    """A manager is granted an award (绩效薪酬): ``amount`` = ``immediate`` + all instalments.

    By the efficiency of the cycle's ``period``, ``rate`` (percent, by ``grade``) and ``coefficient`` (by ``rating``),
    or as a share of a pool by these. Until ``clawback_until`` (included) a loan that turns bad claws back its part of
    it, by the provision rate that the ledger states with its new class. ``clawback_rates`` (percent) hold where the
    ledger's entry is from before it stated one. ``policy`` names the day from which the terms are in force.
    """

    period: str
    amount: Money
    immediate: Money
    instalments: tuple[Instalment, ...]
    efficiency: Money
    rate: Rate
    coefficient: Rate
    rating: Rating
    grade: Id | None = None
    policy: str
    clawback_until: BusinessDate
    clawback_rates: dict[LoanClass, Rate]


class DepartmentFundGranted(Contract):
    """A department is granted a fund (奖励基金): ``rate`` percent of its efficiency in the cycle's ``period``."""

    cycle_id: Id
    department_id: CentreId
    period: str
    amount: Money
    efficiency: Money
    rate: Rate
    policy: str
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"department-{self.department_id}#funds"


class InstalmentPaid(_OfVault):
    """What was still open of an instalment is paid on ``business_date``."""

    due_on: BusinessDate
    amount: Money


class ClawbackCause(Contract):
    """The message of the ledger by which a loan changed its class, and the core event behind it."""

    topic: str
    partition: int
    offset: int
    message_id: str
    core_event_id: str


class _Clawback(_OfVault):
    """What a loan's change of class does to an award. ``loan_efficiency`` is the manager's from the loan in the award's
    cycle, ``loan_part`` the part of the award that came from it, ``target`` what is to be clawed back for this loan.

    ``provision_rate`` (percent) is what the ledger's ``provision_policy``, in force for the month of ``business_date``,
    gives the class. Both are left out where the ledger's entry states no rate, and the award's ``clawback_rates`` hold.
    """

    clawback_id: Id
    loan_id: Id
    loan_class: LoanClass
    loan_efficiency: Money
    loan_part: Money
    target: Money
    amount: Money
    from_instalments: Money
    instalments: tuple[Instalment, ...]
    claim: Money
    cause: ClawbackCause
    provision_rate: Rate | None = None
    provision_policy: str | None = None


class AwardClawedBack(_Clawback):
    """An award is clawed back (追索扣回): ``amount`` = ``from_instalments``, cancelled, + ``claim``, to be repaid."""


class AwardReleased(_Clawback):
    """A loan healed, and what was clawed back beyond its target is released: ``claim`` is no longer to be paid back,
    ``from_instalments`` is open again."""
