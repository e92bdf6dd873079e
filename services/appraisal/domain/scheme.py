"""Schemes (考核方案): what is measured for whom, with which weights, and which rating a total gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from services.appraisal.domain.indicator import CONDUCT, OF_DEPARTMENTS, Indicator, Percent
from shared.contracts.appraisal import Rating
from shared.contracts.types import BusinessDate, Contract, Id, Text
from shared.kernel.books import Book
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact

MOST_INDICATORS = 50


class Veto(StrEnum):
    """What caps a rating whatever the total (一票否决): a serious breach at C, an unreported large-value duty at B."""

    SERIOUS_BREACH = "serious-breach"
    UNREPORTED_LARGE_VALUE = "unreported-large-value"


DEFAULT_THRESHOLDS: Mapping[Rating, Decimal] = {
    Rating.A: Decimal(90),
    Rating.B: Decimal(75),
    Rating.C: Decimal(60),
}
"""The least total for each rating; what is below all of them is D."""

DEFAULT_VETOES: Mapping[Veto, Rating] = {
    Veto.SERIOUS_BREACH: Rating.C,
    Veto.UNREPORTED_LARGE_VALUE: Rating.B,
}


def _falling(thresholds: dict[Rating, Decimal]) -> dict[Rating, Decimal]:
    said = [thresholds[rating] for rating in Rating if rating in thresholds]
    if Rating.D in thresholds or said != sorted(set(said), reverse=True):
        raise Malformed("must fall from A to C; D is what is below")
    return thresholds


def _adds_up(indicators: tuple[Indicator, ...]) -> tuple[Indicator, ...]:
    codes = [one.code for one in indicators]
    if len(set(codes)) < len(codes):
        raise Malformed("an indicator's code is named twice")
    weight = sum((one.weight for one in indicators), Decimal(0))
    if weight != 100:
        raise Malformed(f"weights must add up to exactly 100, not {weight}")
    return indicators


class SchemeTerms(Contract, extra="forbid"):
    """What a scheme says. ``groups`` are grades for the manager side, departments for the other; none means all."""

    name: Text
    side: Book
    groups: Annotated[tuple[Id, ...], Field(max_length=100)] = ()
    indicators: Annotated[
        tuple[Indicator, ...], Field(min_length=1, max_length=MOST_INDICATORS), AfterValidator(_adds_up)
    ]
    thresholds: Annotated[dict[Rating, Percent], AfterValidator(_falling)] = Field(
        default_factory=lambda: dict(DEFAULT_THRESHOLDS)
    )
    vetoes: dict[Veto, Rating] = Field(default_factory=lambda: dict(DEFAULT_VETOES))

    @model_validator(mode="after")
    def _fits(self) -> "SchemeTerms":
        if self.side is Book.DEPARTMENT:
            for index, one in enumerate(self.indicators):
                if one.source in CONDUCT and one.source not in OF_DEPARTMENTS:
                    raise Malformed(f"indicators.{index}.source: is of managers only")
        return self

    def rating(self, total: Decimal, vetoes: Iterable[Veto] = ()) -> Rating:
        """The rating of a total, capped by what is vetoed."""
        ladder = list(Rating)
        earned = next((r for r in ladder if r in self.thresholds and total >= self.thresholds[r]), Rating.D)
        capped = [self.vetoes[veto] for veto in vetoes if veto in self.vetoes]
        return max((earned, *capped), key=ladder.index)


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetScheme:
    """Put a scheme in force from a day on."""

    scheme_id: str
    effective_from: date
    terms: SchemeTerms
    today: date

    @property
    def stream(self) -> str:
        return f"scheme-{self.scheme_id}"


# --- events -------------------------------------------------------------------------------------------------


class SchemeSet(Contract):
    """A version of a scheme is in force from a day on; a later word for the same day replaces it."""

    scheme_id: Id
    effective_from: BusinessDate
    version: int
    terms: SchemeTerms
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"scheme-{self.scheme_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scheme:
    """How many versions there are, and which side they are of."""

    version: int = 0
    side: Book | None = None


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: SetScheme, scheme: Scheme, _: None) -> Sequence[Fact]:
    """The version; raises Refusal for one of the other side."""
    if scheme.side not in (None, command.terms.side):
        raise Refusal("scheme-keeps-its-side", "side", f"this scheme is of the side {scheme.side}")
    said = SchemeSet(
        scheme_id=command.scheme_id,
        effective_from=command.effective_from,
        version=scheme.version + 1,
        terms=command.terms,
        business_date=command.today,
    )
    return [said]


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(_: Scheme, fact: Fact) -> Scheme:
    """The scheme after a version."""
    assert isinstance(fact, SchemeSet)  # its stream has no other
    return Scheme(fact.version, fact.terms.side)


DECIDER: Decider[SetScheme, Scheme, None] = Decider(
    stream=lambda command: command.stream, initial=Scheme(), decide=decide, evolve=evolve
)


@dataclass(frozen=True, slots=True)
class Schemes:
    """Every version of every scheme, by scheme in the order in which they were set."""

    versions: Mapping[str, Sequence[SchemeSet]] = field(default_factory=dict)

    def in_force(self, day: date) -> list[SchemeSet]:
        """The version of each scheme that is in force on a day, in order of scheme id."""
        found: list[SchemeSet] = []
        for _, versions in sorted(self.versions.items()):
            begun = [one for one in versions if one.effective_from <= day]
            if begun:
                found.append(max(begun, key=lambda one: (one.effective_from, one.version)))
        return found

    def version(self, scheme_id: str, version: int) -> SchemeSet:
        """One version of a scheme, in force or not."""
        return next(one for one in self.versions[scheme_id] if one.version == version)

    def of(self, side: Book, group: str | None, day: date) -> SchemeSet | None:
        """The scheme for a grade or department on a day: one that names it before one for all; None without any."""
        fitting = [one for one in self.in_force(day) if one.terms.side is side]
        named = [one for one in fitting if group is not None and group in one.terms.groups]
        return next(iter(named or [one for one in fitting if not one.terms.groups]), None)
