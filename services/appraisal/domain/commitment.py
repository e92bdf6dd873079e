"""Commitments (竞标承诺): what managers committed to when they won customers, month by month a target of theirs."""

from datetime import date

from shared.kernel.period import format_month, month_of, next_month
from shared.kernel.split import split

SOURCE = "measure:virtual_profit"
"""What a commitment is to be met by."""

MONTHS = 12


def monthly(committed: int, effective_from: date) -> dict[int, int]:
    """A commitment (minor units) by month ``YYYYMM``: a twelfth each, split exactly, in the month from which on it
    holds and the eleven after it."""
    months = [month_of(effective_from)]
    while len(months) < MONTHS:
        months.append(next_month(months[-1]))
    parts = split(committed, {format_month(month): 1 for month in months})
    return {month: parts.get(format_month(month), 0) for month in months}
