"""Business days (工作日) of China: no weekends, no public holidays, but the weekends worked in their place.

From the library ``holidays``, which follows the State Council's yearly notice; for years without a notice yet it
knows the statutory holidays alone.
"""

from datetime import date, timedelta

import holidays

_CHINA = holidays.country_holidays("CN")


def is_business_day(day: date) -> bool:
    """Whether the bank works on this day."""
    return _CHINA.is_working_day(day)


def after_business_days(day: date, number: int) -> date:
    """The day that is so many business days after ``day``, which itself does not count; ``number`` is positive."""
    while number > 0:
        day += timedelta(days=1)
        number -= is_business_day(day)
    return day
