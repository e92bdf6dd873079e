"""Months as a calendar counts them."""

from calendar import monthrange
from datetime import date, timedelta

from shared.kernel.period import month_of


def months_later(day: date, months: int) -> date:
    """The same day of the month so many months later, or the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_month_ended(day: date) -> int:
    """The last month (``YYYYMM``) that had ended at the end of a day."""
    tomorrow = day + timedelta(days=1)
    return month_of(tomorrow.replace(day=1) - timedelta(days=1))
