"""Splits before and after rounding, as an explanation states them, and whose parts a caller may know.

Amounts are minor units; exact amounts are fractions of them. Nothing here raises: whatever was split can be told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from services.ledger.domain.timeline import share_text
from shared.kernel.books import RESERVED_CENTRES
from shared.kernel.money import MINOR_UNITS, format_money

ANOTHER = "another manager"
"""Who is meant where a caller may not know it."""

THE_REST = "all others"
"""The centre of a part that stands for all those which are not listed."""

_MOST_PLACES = 12


class Term(NamedTuple):
    """One of the amounts that add up to a leg."""

    what: str
    amount: int


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a manager or department head by their own centre ("" where they have none); None: sees all."""

    manager: str | None = None
    department: str | None = None

    @property
    def sees_all(self) -> bool:
        return self.manager is None

    def sees(self, centre_id: str, department_id: str | None = None) -> bool:
        """Whether the figures of a centre, or of its cell in a department, are the viewer's to know."""
        return self.manager in (None, centre_id) or self.department in (centre_id, department_id)

    def name(self, centre_id: str) -> str:
        """A centre's id, or that it is another's."""
        own = self.sees(centre_id) or centre_id in RESERVED_CENTRES
        return centre_id if own else ANOTHER


class Part(NamedTuple):
    """What a centre (in a close: its cell in a department) gets of an amount, before and after rounding."""

    centre_id: str
    department_id: str | None
    weight: str
    exact: Fraction
    amount: int

    @property
    def odd_fen(self) -> bool:
        """Whether it got one of the minor units that rounding down leaves over."""
        return abs(self.amount) > floor(abs(self.exact))

    def terms(self) -> list[Term]:
        """The exact part rounded towards zero, and what rounding adds to it."""
        rounded = floor(abs(self.exact)) * (1 if self.exact >= 0 else -1)
        terms = [Term("exact part, rounded towards zero", rounded)]
        return terms if rounded == self.amount else [*terms, Term("odd fen", self.amount - rounded)]

    def shown(self, viewer: Viewer) -> dict[str, Any]:
        """The wire form; nothing but that it is there where it is not the viewer's."""
        seen = viewer.sees(self.centre_id, self.department_id)
        return {
            "centre_id": viewer.name(self.centre_id),
            "department_id": self.department_id if seen else None,
            "weight": self.weight if seen else None,
            "exact": exact_text(self.exact) if seen else None,
            "amount": format_money(self.amount) if seen else None,
            "odd_fen": self.odd_fen if seen else None,
        }


class Split(NamedTuple):
    """An amount split over weights; the parts add up to it, the exact ones and the rounded ones."""

    what: str
    amount: int
    weight_of_all: str
    parts: tuple[Part, ...]

    def part_of(self, centre_id: str, department_id: str | None = None) -> Part | None:
        """The part of one centre, or of its cell in a department."""
        mine = (part for part in self.parts if part[:2] == (centre_id, department_id))
        return next(mine, None)

    def sentences(self, part: Part, viewer: Viewer) -> list[str]:
        """How one of several parts comes about, and who got the odd fen."""
        if len(self.parts) == 1:
            return []
        name, whole = viewer.name(part.centre_id), format_money(self.amount)
        name += f" in {part.department_id}" if part.department_id else ""
        weight = part.weight if self.weight_of_all == "1" else f"{part.weight}/{self.weight_of_all}"
        said = [f"{self.what}: the part of {name} is {weight} of {whole}, exactly {about(part.exact)}."]
        booked = format_money(part.amount)
        if part.odd_fen:
            said.append(
                f"Rounded down, the parts leave fen over; the fraction of {name} is one of the largest and gets one: "
                f"{booked}."
            )
        elif part.exact.denominator != 1:
            lucky = [] if part.department_id else [viewer.name(p.centre_id) for p in self.parts if p.odd_fen]
            to = " and ".join(dict.fromkeys(lucky)) or "larger fractions"
            said.append(f"It is rounded down to {booked}; the odd fen goes to {to}.")
        return said

    def shown(self, viewer: Viewer) -> dict[str, Any]:
        """The wire form for a viewer."""
        return {
            "what": self.what,
            "amount": format_money(self.amount),
            "weight_of_all": self.weight_of_all,
            "parts": [part.shown(viewer) for part in self.parts],
        }


def split_of(
    what: str,
    amount: int,
    weights: Mapping[str, int],
    parts: Mapping[str, int],
    unit: Callable[[int], str] = share_text,
    manager: str | None = None,
) -> Split:
    """A split over centres, or over the departments of a ``manager``; ``unit`` writes the weights."""
    total = sum(weight for weight in weights.values() if weight > 0)
    made = []
    for key in sorted({*weights, *parts}):
        weight, part = weights.get(key, 0), parts.get(key, 0)
        exact = Fraction(amount * max(weight, 0), total) if total else Fraction(part)
        centre, department = (key, None) if manager is None else (manager, key)
        made.append(Part(centre, department, unit(weight), exact, part))
    return Split(what, amount, unit(total), tuple(made))


def exact_text(amount: Fraction) -> str:
    """Minor units as a decimal string of the currency where that ends, such as ``60000.006``, else as a fraction."""
    exact = amount / MINOR_UNITS
    for places in range(2, _MOST_PLACES + 1):
        scaled = exact * 10**places
        if scaled.denominator == 1:
            units, rest = divmod(abs(scaled.numerator), 10**places)
            return f"{'-' if exact < 0 else ''}{units}.{rest:0{places}d}"
    return str(exact)


def about(amount: Fraction) -> str:
    """The same for people: what does not end is cut off after six places, with ``…``."""
    exact = exact_text(amount)
    if "/" not in exact:
        return exact
    units, rest = divmod(floor(abs(amount) * 10**6 / MINOR_UNITS), 10**6)
    return f"{'-' if amount < 0 else ''}{units}.{rest:06d}…"
