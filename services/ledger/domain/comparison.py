"""The comparison (对比) of two statements, figure by figure: of two periods, or of one as it was known twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.ledger.domain.statement import Statement
from shared.kernel.money import format_money, round_half_even


@dataclass(frozen=True, slots=True)
class Change:
    """One figure on both sides, in minor units; ``that`` is the base."""

    this: int
    that: int

    @property
    def percent(self) -> str | None:
        """The change in percent of the base's size, two places, half-even, so that its sign is that of the change:
        a loss that grew by half is ``"-50.00"``. None where the base is zero."""
        if self.that == 0:
            return None
        hundredths = round_half_even(Fraction((self.this - self.that) * 100 * 100, abs(self.that)))
        return format_money(hundredths)  # hundredths of a percent are written as those of a currency unit

    def shown(self) -> dict[str, str | None]:
        """The wire form."""
        return {
            "this": format_money(self.this),
            "that": format_money(self.that),
            "change": format_money(self.this - self.that),
            "percent": self.percent,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A centre's statement and the one that it is compared with, of the same centre and book."""

    this: Statement
    that: Statement

    def shown(self) -> dict[str, Any]:
        """The wire form: the statement's, with a change in place of each figure."""
        this, that = self.this, self.that
        return {
            "book": this.book,
            "centre_id": this.centre_id,
            "period": this.period,
            "with": that.period,
            "lines": _changes(this.lines, that.lines),
            "stocks": _changes(this.stocks, that.stocks),
            "averages": _changes(this.averages, that.averages),
            "measures": _changes(this.measures, that.measures),
        }


def _changes(this: Mapping[Any, int], that: Mapping[Any, int]) -> dict[str, dict[str, str | None]]:
    return {str(name): Change(figure, that[name]).shown() for name, figure in this.items()}


def compare(
    book: str, periods: tuple[str, str], these: Iterable[Statement], those: Iterable[Statement]
) -> list[Comparison]:
    """The comparisons of all centres that have a statement on either side, in order of id; the missing side of a
    centre is all zero. ``periods`` name this side's and that side's."""
    this_by_id = {one.centre_id: one for one in these}
    that_by_id = {one.centre_id: one for one in those}
    return [
        Comparison(
            this_by_id.get(centre_id) or Statement.empty(book, centre_id, periods[0]),
            that_by_id.get(centre_id) or Statement.empty(book, centre_id, periods[1]),
        )
        for centre_id in sorted({*this_by_id, *that_by_id})
    ]
