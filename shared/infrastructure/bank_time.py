"""The bank's day: business dates are China's, wherever the service runs."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

BANK_TIME = ZoneInfo("Asia/Shanghai")


def today() -> date:
    """The bank's day."""
    return datetime.now(BANK_TIME).date()
