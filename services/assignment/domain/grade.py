"""Grades of customer managers (客户经理等级): what each asks for, and what it lets its bearer do."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from shared.contracts.appraisal import Rating


class Grade(StrEnum):
    """The grades, lowest first.

    trainee 见习客户经理, assistant 助理客户经理, manager-4 to manager-1 四级至一级客户经理,
    senior-2 and senior-1 二级、一级高级客户经理, principal 资深客户经理.
    """

    TRAINEE = "trainee"
    ASSISTANT = "assistant"
    MANAGER_4 = "manager-4"
    MANAGER_3 = "manager-3"
    MANAGER_2 = "manager-2"
    MANAGER_1 = "manager-1"
    SENIOR_2 = "senior-2"
    SENIOR_1 = "senior-1"
    PRINCIPAL = "principal"

    @property
    def rank(self) -> int:
        """The place in the ladder, 0 for the lowest."""
        return list(Grade).index(self)


class Education(StrEnum):
    """Schooling (学历), lowest first: secondary 中专/高中, college 大专, bachelor 本科, master 硕士, doctor 博士."""

    SECONDARY = "secondary"
    COLLEGE = "college"
    BACHELOR = "bachelor"
    MASTER = "master"
    DOCTOR = "doctor"

    @property
    def rank(self) -> int:
        """The place in the ladder, 0 for the lowest."""
        return list(Education).index(self)


@dataclass(frozen=True, slots=True)
class GradeTerms:
    """What a grade asks for and allows. ``capacity`` is in load: tier weights × shares.

    ``leads`` are the customer tiers of which its bearer may hold the largest share, None for all; a tier that no
    policy knows is open to every grade that may hold customers.
    """

    may_hold: bool = True
    capacity: Decimal = Decimal(0)
    leads: frozenset[str] | None = None
    years_in_banking: int = 0
    education: Education = Education.SECONDARY
    certificates: frozenset[str] = frozenset()
    exam: str | None = None
    rating: Rating | None = None


_UP_TO_PLATINUM = frozenset({"basic", "silver", "gold", "platinum"})

DEFAULT_GRADES: Mapping[Grade, GradeTerms] = MappingProxyType(
    {
        Grade.TRAINEE: GradeTerms(may_hold=False),
        Grade.ASSISTANT: GradeTerms(True, Decimal(300), _UP_TO_PLATINUM, 1, Education.COLLEGE),
        Grade.MANAGER_4: GradeTerms(True, Decimal(500), _UP_TO_PLATINUM, 2, Education.COLLEGE),
        Grade.MANAGER_3: GradeTerms(True, Decimal(600), _UP_TO_PLATINUM, 3, Education.BACHELOR),
        Grade.MANAGER_2: GradeTerms(
            True, Decimal(700), None, 4, Education.BACHELOR, frozenset({"AFP"}), rating=Rating.C
        ),
        Grade.MANAGER_1: GradeTerms(
            True, Decimal(800), None, 5, Education.BACHELOR, frozenset({"AFP"}), rating=Rating.B
        ),
        Grade.SENIOR_2: GradeTerms(
            True, Decimal(900), None, 7, Education.BACHELOR, frozenset({"CFP"}), "senior", Rating.B
        ),
        Grade.SENIOR_1: GradeTerms(
            True, Decimal(1000), None, 9, Education.BACHELOR, frozenset({"CFP"}), "senior", Rating.B
        ),
        Grade.PRINCIPAL: GradeTerms(
            True, Decimal(1200), None, 12, Education.MASTER, frozenset({"CFP"}), "principal", Rating.A
        ),
    }
)
"""What holds until a policy says otherwise."""
