"""The accounting calendar (会计日历): which months are closed, and which one is to close next."""

from dataclasses import dataclass
from datetime import date

from shared.kernel.errors import Refusal
from shared.kernel.period import format_month, month_of, next_month


@dataclass(frozen=True, slots=True)
class Calendar:
    """Months ``YYYYMM``; months close in order, so that one figure says which are closed. 0: none."""

    closed_through: int = 0
    first_booked: int | None = None
    """The first month with an entry, or with a cost pool to be spread."""

    def period_of(self, day: date) -> tuple[int, int | None]:
        """The month in which a business date is booked, and the closed month that this adjusts, if it does.

        What is dated in a closed month is booked in the first open one, and keeps its business date.
        """
        month = month_of(day)
        if month > self.closed_through:
            return month, None
        return next_month(self.closed_through), month

    def is_due(self, month: int) -> bool:
        """Whether a month is the one to close next: all before it are closed. Before the first close, none of
        them may have an entry or a cost pool."""
        return month == self._due(month)

    def check_closable(self, month: int) -> None:
        """Raises Refusal unless the month is due."""
        if not self.is_due(month):
            raise Refusal(
                "months-close-in-order",
                "period",
                f"{format_month(self._due(month))} is the month to close next",
            )

    def _due(self, month: int) -> int:
        return (
            next_month(self.closed_through) if self.closed_through else min(self.first_booked or month, month)
        )
