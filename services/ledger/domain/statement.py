"""A centre's statement (报表): lines, stocks, ten-day averages and measures of a period, from its months' sums."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from shared.kernel.books import STOCKS, Line, measures
from shared.kernel.money import format_money, round_half_even
from shared.kernel.period import Period


@dataclass(frozen=True, slots=True)
class Statement:
    """All figures in minor units. ``stocks`` are those at the period's end; ``averages`` are the ten-day averages
    (旬均余额) of the period's last month."""

    book: str
    centre_id: str
    period: str
    lines: Mapping[Line, int]
    stocks: Mapping[Line, int]
    averages: Mapping[Line, int]
    measures: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, book: str, centre_id: str, period: str) -> "Statement":
        """That of a centre with nothing booked: all zero."""
        zeros = dict.fromkeys(Line, 0)
        stocks = dict.fromkeys(STOCKS, 0)
        return cls(book, centre_id, period, zeros, stocks, stocks, measures(zeros))

    def shown(self) -> dict[str, Any]:
        """The wire form; every line is there, zero included."""
        return {
            "book": self.book,
            "centre_id": self.centre_id,
            "period": self.period,
            "lines": _money(self.lines),
            "stocks": _money(self.stocks),
            "averages": _money(self.averages),
            "measures": _money(self.measures),
        }


def ten_day_average(on_10th: int, on_20th: int, on_last: int) -> int:
    """round((B(10) + B(20) + B(last day)) / 3), half-even."""
    return round_half_even(Fraction(on_10th + on_20th + on_last, 3))


def state(book: str, centre_id: str, period: Period, rows: Iterable[Mapping[str, Any]]) -> Statement:
    """From per-line sums: ``movement`` in the period, ``stock`` at its end, ``opening`` at the start of its last
    month, and that month's ``by_10`` and ``by_20``."""
    by_line = {row["line"]: row for row in rows}
    lines = {line: int(by_line[line]["movement"]) if line in by_line else 0 for line in Line}
    stocks, averages = dict.fromkeys(STOCKS, 0), dict.fromkeys(STOCKS, 0)
    for line in STOCKS:
        if line in by_line:
            row = by_line[line]
            stocks[line] = row["stock"]
            averages[line] = ten_day_average(
                row["opening"] + row["by_10"], row["opening"] + row["by_20"], row["stock"]
            )
    return Statement(book, centre_id, period.name, lines, stocks, averages, measures(lines))


def with_amounts(statement: Statement, amounts: Mapping[Line, int]) -> Statement:
    """The statement with further amounts on flows; stocks and averages stay."""
    lines = {line: amount + amounts.get(line, 0) for line, amount in statement.lines.items()}
    return replace(statement, lines=lines, measures=measures(lines))


def total(book: str, period: Period, statements: Sequence[Statement]) -> Statement:
    """The sum of statements, figure by figure: what the book says of the bank."""
    return Statement(
        book,
        "total",
        period.name,
        {line: sum(one.lines[line] for one in statements) for line in Line},
        {line: sum(one.stocks[line] for one in statements) for line in STOCKS},
        {line: sum(one.averages[line] for one in statements) for line in STOCKS},
        measures({line: sum(one.lines[line] for one in statements) for line in Line}),
    )


def _money(figures: Mapping[Any, int]) -> dict[str, str]:
    return {str(name): format_money(figure) for name, figure in figures.items()}
