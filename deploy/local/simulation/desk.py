"""The desk: chance, calendar and event numbers of one simulation, all of them stable for a seed.

Days are proleptic ordinals (``date.toordinal``). Only ``random.Random(seed)`` decides, and only through whole
numbers and comparisons, so that every machine draws the same.
"""

from collections.abc import Generator
from datetime import date
from random import Random

import orjson

from deploy.local.registrations import registration
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import Contract
from shared.kernel.money import format_money

SOURCE = "simulator"

Routine = Generator[int, None, None]
"""Something that goes on in the bank: acts at the desk, then yields the day on which it acts next."""

_OPENING_SECOND, _LAST_SECOND = 9 * 3600, 86399


class Desk:
    """Where routines draw lots and hand in events; ``take`` gives out what was handed in."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # to be foreseen is the point
        self.day = 0
        self._prefix = f"sim-{seed}-"
        self._number = 0
        self._second = _OPENING_SECOND
        self._date = ""
        self._extensions: dict[str, str] = {}
        self._events: list[CloudEvent] = []

    def open(self, day: int) -> None:
        """Begin a business day."""
        self.day = day
        self._date = date.fromordinal(day).isoformat()
        self._extensions = {"businessdate": self._date}
        self._second = _OPENING_SECOND

    def take(self) -> list[CloudEvent]:
        """The events handed in since the last call, in order."""
        events, self._events = self._events, []
        return events

    def post(self, kind: str, customer_id: str, product_code: str, fields: dict[str, str]) -> None:
        """Hand in a core event about a customer; ``fields`` are those that other kinds do not have."""
        fields["business_date"] = self._date
        fields["customer_id"] = customer_id
        fields["product_code"] = product_code
        self._hand_in(kind, customer_id, fields)

    def post_manager_cost(self, manager_id: str, product_code: str, amount: int) -> None:
        """Hand in a direct cost (minor units) that is a manager's alone."""
        fields = {"manager_id": manager_id, "amount": format_money(amount), "product_code": product_code}
        self._hand_in("CostIncurred", manager_id, {"business_date": self._date, **fields})

    def register(self, model: Contract) -> None:
        """Hand in a registration."""
        day = date.fromordinal(self.day)
        self._events.append(registration(self._next_id(), model, source=SOURCE, day=day, time=self._time()))

    def _hand_in(self, kind: str, subject: str, data: dict[str, str]) -> None:
        event = CloudEvent(
            self._next_id(), kind, SOURCE, orjson.dumps(data), self._time(), subject, self._extensions
        )
        self._events.append(event)

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._prefix}{self._number:06d}"

    def _time(self) -> str:
        minutes, seconds = divmod(self._second, 60)
        hours, minutes = divmod(minutes, 60)
        self._second = min(self._second + 1, _LAST_SECOND)
        return f"{self._date}T{hours:02d}:{minutes:02d}:{seconds:02d}+08:00"

    def chance(self, percent: int) -> bool:
        """Whether something happens that does so ``percent`` times in a hundred."""
        return self.random.randrange(100) < percent

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return self.random.randrange(low, high + 1)

    def later(self, fewest_days: int, most_days: int) -> int:
        """A day some time after today."""
        return self.day + self.random.randrange(fewest_days, most_days + 1)

    def next_month(self, day_of_month: int) -> int:
        """The day of that number (1 to 28) in the month after today's."""
        today = date.fromordinal(self.day)
        year, month = divmod(today.year * 12 + today.month, 12)
        return date(year, month + 1, day_of_month).toordinal()

    def next_day_of_month(self, day_of_month: int) -> int:
        """The first day after today that bears that number (1 to 28)."""
        today = date.fromordinal(self.day)
        if today.day < day_of_month:
            return self.day + day_of_month - today.day
        return self.next_month(day_of_month)
