"""Scorecards (业绩单): a period's results by line, the measures they give, and the totals of both sides."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.kernel.books import Book, Line, measures
from shared.kernel.money import format_money


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One centre's period: signed sums of its legs by line, every line there, in minor units."""

    centre_id: str
    lines: Mapping[Line, int]

    def shown(self) -> dict[str, Any]:
        """The wire form, with the measures."""
        return {"centre_id": self.centre_id, **_figures(self.lines)}


@dataclass(frozen=True, slots=True)
class Scorecards:
    """Both sides of the bank in one period, in order of centre id."""

    managers: Sequence[Scorecard]
    departments: Sequence[Scorecard]

    @property
    def balanced(self) -> bool:
        """Whether both sides have the same total on every line, and so in every measure."""
        return _total(self.managers) == _total(self.departments)

    def totals(self) -> dict[str, Any]:
        """The wire form of both sides' totals, and of manager less department for each measure."""
        manager, department = _total(self.managers), _total(self.departments)
        ours, theirs = measures(manager), measures(department)
        return {
            "manager": _figures(manager),
            "department": _figures(department),
            "difference": {name: format_money(ours[name] - theirs[name]) for name in ours},
        }


def score(sums: Iterable[tuple[Book, str, Line, int]]) -> Scorecards:
    """From sums by book, centre and line to the scorecards of both sides; a line without a sum is zero."""
    sides: dict[Book, dict[str, dict[Line, int]]] = {book: {} for book in Book}
    for book, centre_id, line, amount in sums:
        sides[book].setdefault(centre_id, dict.fromkeys(Line, 0))[line] += amount
    managers, departments = (
        [Scorecard(centre_id, sides[book][centre_id]) for centre_id in sorted(sides[book])]
        for book in (Book.MANAGER, Book.DEPARTMENT)
    )
    return Scorecards(managers, departments)


def _total(cards: Sequence[Scorecard]) -> dict[Line, int]:
    return {line: sum(card.lines[line] for card in cards) for line in Line}


def _figures(lines: Mapping[Line, int]) -> dict[str, dict[str, str]]:
    return {"lines": _money(lines), "measures": _money(measures(lines))}


def _money(figures: Mapping[Any, int]) -> dict[str, str]:
    return {str(name): format_money(figure) for name, figure in figures.items()}
