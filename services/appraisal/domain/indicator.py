"""Indicators (考核指标): what is measured, against which target, and what score follows.

Scores are exact fractions until the total is rounded, half-even to two places, once.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from shared.contracts.types import Contract, Id, Text
from shared.kernel.books import STOCKS, Line, measures
from shared.kernel.errors import Malformed
from shared.kernel.money import parse_rate

DEFAULT_CAP = Decimal(120)
"""What a score does not exceed unless its indicator says otherwise."""


def _percent(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else parse_rate(value)


def _figure(value: object) -> Decimal:
    """An exact decimal of up to 15 digits and six places, as money or counts need."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or len(value) > 24:
        raise Malformed('must be a decimal string, such as "12500.00"')
    units, _, places = value.removeprefix("-").partition(".")
    if not units.isascii() or not units.isdigit() or len(units) > 15 or len(places) > 6:
        raise Malformed('must be a decimal string with at most six places, such as "12500.00"')
    if places and not (places.isascii() and places.isdigit()):
        raise Malformed('must be a decimal string with at most six places, such as "12500.00"')
    return Decimal(value)


Figure = Annotated[
    Decimal,
    BeforeValidator(_figure),
    PlainSerializer(lambda figure: f"{figure:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,15}(\.\d{1,6})?$", "examples": ["12500.00"]}),
]
"""What is measured, as an exact decimal: money in yuan, percent, hours or a count, as its source says."""


def _positive(figure: Decimal) -> Decimal:
    if figure <= 0:
        raise Malformed("must be above zero")
    return figure


Percent = Annotated[
    Decimal,
    BeforeValidator(_percent),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,6}(\.\d{1,6})?$", "examples": ["25"]}),
]
Weight = Annotated[Percent, AfterValidator(_positive)]
Cap = Annotated[Percent, AfterValidator(_positive)]

LINES = tuple(f"line:{line.value}" for line in Line)
MEASURES = tuple(f"measure:{name}" for name in measures({}))
AVERAGES = tuple(f"average:{line.value}" for line in STOCKS)
END_STOCKS = tuple(f"stock:{line.value}" for line in STOCKS)
CONDUCT = (
    "bad-loan-ratio",
    "customers-gained",
    "customers-lost",
    "churn",
    "visits-done",
    "complaints-in-time",
    "satisfaction",
    "training-hours",
    "breaches",
    "referrals-won",
    "commitment-met",
)
"""Percent for ratios, hours, counts, and the mean of surveys from 1 to 5."""
OF_DEPARTMENTS = ("bad-loan-ratio", "referrals-won")
"""What of conduct departments have too; all else is of managers only."""
MANUAL = "manual:"
"""How the sources begin that people score by hand, with evidence (四项考核)."""


def lines_of(source: str) -> tuple[Line, ...]:
    """The lines of the ledger whose legs a source's figure is made of; none of conduct and what people score."""
    kind, _, name = source.partition(":")
    if kind == "measure":
        return tuple(line for line in Line if measures({line: 1}).get(name))
    return (Line(name),) if kind in ("line", "average", "stock") else ()


def _known(source: str) -> str:
    if source in {*LINES, *MEASURES, *AVERAGES, *END_STOCKS, *CONDUCT}:
        return source
    if source.startswith(MANUAL) and 0 < len(source.removeprefix(MANUAL)) <= 40:
        return source
    raise Malformed("is no source; sources are lines, measures, averages, stocks, conduct and manual:<name>")


Source = Annotated[Id, AfterValidator(_known)]
"""Where the actual figure of an indicator comes from."""


class Curve(StrEnum):
    """How a score follows from actual and target: the more the better, the less the better, or by bands."""

    HIGHER = "higher"
    LOWER = "lower"
    BAND = "band"


class Band(Contract, extra="forbid"):
    """From this actual on, this score; the highest band that is reached counts."""

    starts_at: Figure
    score: Percent


def measurable(curve: Curve, target: Decimal) -> bool:
    """Whether a curve can be measured against a target: never against 0; ``lower`` against one below zero too, as
    costs are figures below zero."""
    return target != 0 if curve is Curve.LOWER else target > 0


class Indicator(Contract, extra="forbid"):
    """One thing that a scheme measures. ``target`` is what is aimed at where nobody has a target of their own."""

    code: Id
    name: Text
    source: Source
    weight: Weight
    curve: Curve = Curve.HIGHER
    cap: Cap = DEFAULT_CAP
    target: Figure | None = None
    bands: Annotated[tuple[Band, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _complete(self) -> "Indicator":
        if (self.curve is Curve.BAND) != bool(self.bands):
            raise Malformed("bands belong to the curve band, and to no other")
        starts = [band.starts_at for band in self.bands]
        if starts != sorted(set(starts)):
            raise Malformed("bands must be in order of starts_at, each above the one before")
        if self.target is not None and not measurable(self.curve, self.target):
            raise Malformed(f"target: {_NEEDED}")
        return self


_NEEDED = "a target above zero is needed; for the curve lower one other than 0"


def score(indicator: Indicator, actual: Decimal, target: Decimal | None) -> Fraction:
    """The score of an actual figure, from 0 to the cap: ``higher`` 100 × actual ÷ target, ``lower`` 100 × (2 − actual ÷
    target), ``band`` by its table. Raises Malformed for a target that is not ``measurable``, or none where one is
    needed."""
    if indicator.curve is Curve.BAND:
        reached = [band.score for band in indicator.bands if actual >= band.starts_at]
        return _clamped(Fraction(reached[-1]) if reached else Fraction(0), indicator.cap)
    if target is None or not measurable(indicator.curve, target):
        raise Malformed(f"{indicator.code}: {_NEEDED}")
    ratio = Fraction(actual) / Fraction(target)
    return _clamped(100 * (ratio if indicator.curve is Curve.HIGHER else 2 - ratio), indicator.cap)


def _clamped(exact: Fraction, cap: Decimal) -> Fraction:
    return max(Fraction(0), min(exact, Fraction(cap)))


def total(scores: Mapping[str, Fraction], weights: Mapping[str, Decimal]) -> Decimal:
    """Σ weight × score ÷ 100 over all indicators by code, rounded half-even to two places."""
    exact = sum((Fraction(weights[code]) * scores[code] / 100 for code in weights), Fraction(0))
    return Decimal(round(exact * 100)).scaleb(-2)
