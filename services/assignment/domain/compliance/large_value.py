"""The watch over large transactions (大额交易监测): what a customer pays in and draws in a day, each for itself.

The aggregate is one partition of the log with core banking's postings. Kept is what a batch of them adds up to,
and which they were, so that a posting counts once, however often and in whatever company it arrives. On the
posting with which either side of a customer's day (单边累计) reaches the policy's ``large_value``, the duty to
report it is raised, once for the day.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import orjson

from services.assignment.domain.business_day import after_business_days
from services.assignment.domain.compliance.duty import duty_id_of
from services.assignment.domain.compliance.shards import stream_in
from services.assignment.domain.policy import Policies, Policy
from shared.contracts.assignment.compliance import DutyKind, DutyRaised
from shared.kernel.decider import Decider
from shared.kernel.event import Fact
from shared.kernel.money import format_money
from shared.kernel.period import LAST_YEAR

CustomerDay = tuple[str, date]
"""A customer and a business day."""

_LAST_DAY = date(LAST_YEAR, 12, 31)

# --- commands -----------------------------------------------------------------------------------------------


class Deposit(NamedTuple):
    """What the watch takes from a posting; ``amount`` in minor units, above zero paid in, below zero drawn."""

    event_id: str
    customer_id: str
    day: date
    amount: int
    log_offset: int


@dataclass(frozen=True, slots=True)
class WatchDeposits:
    """Take in postings of one partition, in their order."""

    partition: int
    deposits: Sequence[Deposit]

    @property
    def stream(self) -> str:
        return stream_of(self.partition)


# --- events -------------------------------------------------------------------------------------------------


class Sides(NamedTuple):
    """What was paid in and what was drawn, in minor units, neither below zero."""

    paid_in: int = 0
    drawn: int = 0

    def plus(self, other: "Sides") -> "Sides":
        """Both together."""
        return Sides(self.paid_in + other.paid_in, self.drawn + other.drawn)


@dataclass(frozen=True, slots=True)
class DepositsWatched:
    """Postings of a partition were added up: those with ``event_ids``, found between two places in the log.

    ``business_date`` is the latest of theirs.
    """

    partition: int
    first_offset: int
    last_offset: int
    event_ids: tuple[str, ...]
    business_date: date
    sums: Mapping[CustomerDay, Sides]

    @property
    def stream(self) -> str:
        return stream_of(self.partition)

    def to_json(self) -> bytes:
        """Sums by customer and day as decimal strings, in a fixed order."""
        days: dict[str, dict[str, dict[str, str]]] = {}
        for (customer_id, day), sides in sorted(self.sums.items()):
            shown = {"paid_in": format_money(sides.paid_in), "drawn": format_money(sides.drawn)}
            days.setdefault(customer_id, {})[day.isoformat()] = shown
        return orjson.dumps(
            {
                "partition": self.partition,
                "first_offset": self.first_offset,
                "last_offset": self.last_offset,
                "event_ids": self.event_ids,
                "business_date": self.business_date,
                "sums": days,
            }
        )


def read_deposits(data: str) -> DepositsWatched:
    """Read a stored DepositsWatched back."""
    stored = orjson.loads(data)
    sums = {
        (customer_id, date.fromisoformat(day)): Sides(
            _minor_units(one["paid_in"]), _minor_units(one["drawn"])
        )
        for customer_id, days in stored["sums"].items()
        for day, one in days.items()
    }
    return DepositsWatched(
        stored["partition"],
        stored["first_offset"],
        stored["last_offset"],
        tuple(stored["event_ids"]),
        date.fromisoformat(stored["business_date"]),
        sums,
    )


def _minor_units(amount: str) -> int:
    """A sum of ours, always with two places; it may have more digits than parse_money grants an amount."""
    return int(amount.replace(".", ""))


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consulted:
    """Of what a command names: the postings known, the sums so far, the duties raised; and the policies."""

    seen: AbstractSet[str] = frozenset()
    sums: Mapping[CustomerDay, Sides] = field(default_factory=dict)
    raised: AbstractSet[str] = frozenset()
    policies: Policies = field(default_factory=Policies)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: WatchDeposits, _: None, consulted: Consulted) -> Sequence[Fact]:
    """One fact for all postings that are new, if any is, and the duties that follow from them.

    Refuses nothing: messages are judged before.
    """
    new: dict[str, Deposit] = {}
    for deposit in command.deposits:
        if deposit.event_id not in consulted.seen:
            new.setdefault(deposit.event_id, deposit)
    if not new:
        return []
    sums, duties = _added_up(new.values(), consulted)
    offsets = [deposit.log_offset for deposit in new.values()]
    watched = DepositsWatched(
        command.partition,
        min(offsets),
        max(offsets),
        tuple(new),
        max(deposit.day for deposit in new.values()),
        sums,
    )
    return [watched, *duties]


def _added_up(
    deposits: Iterable[Deposit], consulted: Consulted
) -> tuple[dict[CustomerDay, Sides], list[DutyRaised]]:
    """One after the other, so that it does not matter how they come in batches."""
    sums: dict[CustomerDay, Sides] = {}
    duties: dict[str, DutyRaised] = {}
    policies: dict[date, Policy] = {}
    for _, customer_id, day, amount, _ in deposits:
        key = customer_id, day
        sides = Sides(amount, 0) if amount > 0 else Sides(0, -amount)
        sums[key] = sums.get(key, Sides()).plus(sides)
        policy = policies.get(day) or policies.setdefault(day, consulted.policies.in_force(day))
        total = consulted.sums.get(key, Sides()).plus(sums[key])
        if max(total) >= policy.large_value:
            duty_id = large_value_duty(key)
            if duty_id not in consulted.raised and duty_id not in duties:
                duties[duty_id] = _duty(duty_id, key, total, policy)
    return sums, list(duties.values())


def _duty(duty_id: str, key: CustomerDay, total: Sides, policy: Policy) -> DutyRaised:
    customer_id, day = key
    paid_in = total.paid_in >= policy.large_value
    amount = total.paid_in if paid_in else total.drawn
    side = "paid in" if paid_in else "drawn"
    return DutyRaised.model_construct(
        duty_id=duty_id,
        kind=DutyKind.LARGE_VALUE_REPORT,
        customer_id=customer_id,
        raised_on=day,
        due_on=min(after_business_days(day, policy.large_value_days), _LAST_DAY),
        reason=f"{format_money(amount)} {side} on {day}, to be reported from {format_money(policy.large_value)} on",
        amount=amount,
    )


def large_value_duty(key: CustomerDay) -> str:
    """The id of the duty to report a customer's large transactions of a day."""
    customer_id, day = key
    return duty_id_of("large-value", customer_id, day.isoformat())


# --- evolve -------------------------------------------------------------------------------------------------


def stream_of(partition: int) -> str:
    """The stream of a partition 0 to 7."""
    return stream_in("deposits", partition)


DECIDER: Decider[WatchDeposits, None, Consulted] = Decider(
    stream=lambda command: command.stream, initial=None, decide=decide, evolve=lambda _, __: None
)
