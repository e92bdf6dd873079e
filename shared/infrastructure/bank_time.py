"""The bank's day: business dates are China's, wherever the service runs."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

BANK_TIME = ZoneInfo("Asia/Shanghai")


def today() -> date:
    """The bank's day."""
    return datetime.now(BANK_TIME).date()


def end_of(day: date) -> datetime:
    """The last moment of a day of the bank."""
    return datetime.combine(day, time.max, BANK_TIME)
