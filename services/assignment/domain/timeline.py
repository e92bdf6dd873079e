"""Timelines (时间线): each entry holds from its effective date on, until the next one's.

Before the first entry nothing holds. A later entry for the same date replaces the earlier one: the timeline
is what is known now, its history is in the events.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol, TypeVar


class Effective(Protocol):
    """What has an effective date."""

    @property
    def effective_from(self) -> date: ...


EntryT = TypeVar("EntryT", bound=Effective)


@dataclass(frozen=True, slots=True)
class Timeline(Generic[EntryT]):
    """Entries in order of their effective dates, one a date."""

    entries: tuple[EntryT, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[EntryT]) -> "Timeline[EntryT]":
        """From entries in the order in which they were made."""
        latest = {entry.effective_from: entry for entry in entries}
        return cls(tuple(latest[day] for day in sorted(latest)))

    def with_entry(self, entry: EntryT) -> "Timeline[EntryT]":
        """The timeline with one entry more, or another in the place of the one of the same date."""
        return Timeline.of((*self.entries, entry))

    def on(self, day: date) -> EntryT | None:
        """The entry in force on a day; None before the first."""
        index = bisect_right(self.entries, day, key=_effective_from)
        return self.entries[index - 1] if index else None

    def dated(self, day: date) -> EntryT | None:
        """The entry that takes effect on that very day, if there is one."""
        entry = self.on(day)
        return entry if entry is not None and entry.effective_from == day else None

    def end_of(self, entry: EntryT) -> date | None:
        """The next effective date: the first day on which this entry no longer holds, if there is one."""
        index = bisect_right(self.entries, entry.effective_from, key=_effective_from)
        return self.entries[index].effective_from if index < len(self.entries) else None


def _effective_from(entry: Effective) -> date:
    return entry.effective_from
