"""Results received (业绩): what a batch of the ledger's entries adds to each centre's months.

The aggregate is one shard of the ledger. The ledger keeps every entry; kept here is only what a batch of them
adds up to, and which entries these were. An entry counts once, by its position in the ledger, however often,
in whatever order and in whatever company it arrives.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import orjson

from services.appraisal.domain.loan import LoanNote, note_of, read_note
from services.appraisal.domain.loan_result import (
    Known,
    LoanSums,
    Reclassified,
    changes,
    class_of,
    loan_results_of,
    read_class,
)
from services.appraisal.domain.loan_result import read as read_loan_results
from services.appraisal.domain.loan_result import shown as loan_results_shown
from shared.contracts.ledger import EntryBooked
from shared.kernel.books import Book
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed
from shared.kernel.event import Fact
from shared.kernel.money import format_money
from shared.kernel.period import format_month, parse_month

Cell = tuple[str, int, str, str]
"""Book, month ``YYYYMM``, centre id and line."""

Sums = Mapping[Cell, int]
"""Signed sums in minor units. A sum of zero is kept: the centre had a result, though one of nothing."""

Adjusted = tuple[int, Cell]
"""A closed month ``YYYYMM``, and the cell by which a later month adjusts it."""

Adjustments = Mapping[Adjusted, int]
"""What of the sums adjusts closed months (追溯调整), in minor units."""

Run = tuple[int, int]
"""Ledger positions from the first to the last, both included, without a gap."""

KeyT = TypeVar("KeyT")

_SALTS = "fedbaabj"
"""One letter a ledger shard: with it, the stream of shard n falls into shard n of this service's store, so
that the partitions of the log can be worked side by side and never wait for one another."""

LEDGER_SHARDS = len(_SALTS)

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What appraisal takes from one entry; ``position`` is its place in the ledger's shard."""

    position: int
    log_offset: int
    business_date: date
    results: Sums
    adjustments: Adjustments = field(default_factory=dict)
    loan: LoanNote | None = None
    loan_results: LoanSums = field(default_factory=dict)
    loan_class: Reclassified | None = None


@dataclass(frozen=True, slots=True)
class ReceiveResults:
    """Take in entries of one ledger shard."""

    ledger_shard: int
    entries: Sequence[LedgerEntry]


def entry_of(booked: EntryBooked, position: int, log_offset: int) -> LedgerEntry:
    """Raises Malformed where a period is no month, a book does not add up to the entry's lines (I2), or what changes
    hands in the manager book does not add up to zero."""
    month = parse_month(booked.period)
    adjusted = None if booked.adjusts_period is None else parse_month(booked.adjusts_period)
    results: dict[Cell, int] = {}
    adjustments: dict[Adjusted, int] = {}
    for line in booked.lines.keys() | {line for parts in booked.books.values() for line in parts}:
        for book in Book:
            parts, total = booked.books.get(book, {}).get(line, {}), booked.lines.get(line, 0)
            if sum(parts.values()) != total:
                raise Malformed(f"books.{book}.{line}: must add up to {format_money(total)}")
            for centre_id, amount in parts.items():
                results[book.value, month, centre_id, line.value] = amount
                if adjusted is not None:
                    adjustments[adjusted, (book.value, month, centre_id, line.value)] = amount
    moved: dict[tuple[int, str], int] = {}
    for move in booked.moves:
        key = parse_month(move.period), move.line.value
        cell = Book.MANAGER.value, key[0], move.centre_id, key[1]
        results[cell] = results.get(cell, 0) + move.amount
        if move.adjusts_period is not None:
            place = parse_month(move.adjusts_period), cell
            adjustments[place] = adjustments.get(place, 0) + move.amount
        moved[key] = moved.get(key, 0) + move.amount
    if any(moved.values()):
        raise Malformed("moves: must add up to zero in each line and period")
    return LedgerEntry(
        position,
        log_offset,
        booked.business_date,
        results,
        adjustments,
        note_of(booked, position),
        loan_results_of(booked),
        class_of(booked, position, log_offset),
    )


# --- events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResultsReceived:
    """Entries of a ledger shard were taken in: those at ``positions``, found between two places in the log.

    ``business_date`` is the latest of theirs. ``adjustments`` are that part of ``results`` which adjusts closed months,
    ``loans`` what the entries left loans as, in order of position, ``loan_results`` what single loans brought each
    manager, ``reclassified`` the loans whose class changed.
    """

    ledger_shard: int
    first_offset: int
    last_offset: int
    positions: tuple[Run, ...]
    business_date: date
    results: Sums
    adjustments: Adjustments = field(default_factory=dict)
    loans: tuple[LoanNote, ...] = ()
    loan_results: LoanSums = field(default_factory=dict)
    reclassified: tuple[Reclassified, ...] = ()

    @property
    def stream(self) -> str:
        return stream_of(self.ledger_shard)

    @property
    def entries(self) -> int:
        """How many entries these are."""
        return sum(last - first + 1 for first, last in self.positions)

    def to_json(self) -> bytes:
        """Sums by book, month, centre and line as decimal strings, in a fixed order; adjustments by month first."""
        by_month: dict[int, dict[Cell, int]] = {}
        for (adjusted, cell), amount in sorted(self.adjustments.items()):
            by_month.setdefault(adjusted, {})[cell] = amount
        adjustments = {format_month(adjusted): _shown(sums) for adjusted, sums in by_month.items()}
        return orjson.dumps(
            {
                "ledger_shard": self.ledger_shard,
                "first_offset": self.first_offset,
                "last_offset": self.last_offset,
                "positions": self.positions,
                "entries": self.entries,
                "business_date": self.business_date,
                "results": _shown(self.results),
                **({"adjustments": adjustments} if adjustments else {}),
                **({"loans": [note.shown() for note in self.loans]} if self.loans else {}),
                **({"loan_results": loan_results_shown(self.loan_results)} if self.loan_results else {}),
                **(
                    {"reclassified": [one.to_json() for one in self.reclassified]}
                    if self.reclassified
                    else {}
                ),
            }
        )


def _shown(sums: Sums) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    books: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for (book, month, centre_id, line), amount in sorted(sums.items()):
        centres = books.setdefault(book, {}).setdefault(format_month(month), {})
        centres.setdefault(centre_id, {})[line] = format_money(amount)
    return books


def read_results(data: str) -> ResultsReceived:
    """Read a stored ResultsReceived back."""
    stored = orjson.loads(data)
    return ResultsReceived(
        ledger_shard=stored["ledger_shard"],
        first_offset=stored["first_offset"],
        last_offset=stored["last_offset"],
        positions=tuple((first, last) for first, last in stored["positions"]),
        business_date=date.fromisoformat(stored["business_date"]),
        results=_cells(stored["results"]),
        adjustments={
            (parse_month(adjusted), cell): amount
            for adjusted, books in stored.get("adjustments", {}).items()
            for cell, amount in _cells(books).items()
        },
        loans=tuple(map(read_note, stored.get("loans", ()))),
        loan_results=read_loan_results(stored.get("loan_results", {})),
        reclassified=tuple(map(read_class, stored.get("reclassified", ()))),
    )


def _cells(books: Mapping[str, Any]) -> Sums:
    return {
        (book, parse_month(month), centre_id, line): _minor_units(amount)
        for book, months in books.items()
        for month, centres in months.items()
        for centre_id, lines in centres.items()
        for line, amount in lines.items()
    }


def _minor_units(amount: str) -> int:
    """A sum of ours, always with two places; it may have more digits than parse_money grants an amount."""
    return int(amount.replace(".", ""))


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    """Which positions of a ledger shard were taken in: ascending runs, at least where a command asks; and of which
    class the loans are that a command speaks of, where they changed it."""

    runs: tuple[Run, ...] = ()
    classes: Mapping[str, Known] = field(default_factory=dict)

    def has(self, position: int) -> bool:
        """Whether the entry at this position was taken in."""
        index = bisect_right(self.runs, position, key=lambda run: run[0])
        return index > 0 and position <= self.runs[index - 1][1]


def runs_of(positions: Iterable[int]) -> tuple[Run, ...]:
    """Distinct positions as runs, in ascending order."""
    runs: list[Run] = []
    for position in sorted(positions):
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return tuple(runs)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: ReceiveResults, received: Received, _: None) -> Sequence[Fact]:
    """One fact for all entries that are new, if any is. Refuses nothing: messages are judged before."""
    new: dict[int, LedgerEntry] = {}
    for entry in command.entries:
        if not received.has(entry.position):
            new.setdefault(entry.position, entry)
    if not new:
        return []
    offsets = [entry.log_offset for entry in new.values()]
    return [
        ResultsReceived(
            ledger_shard=command.ledger_shard,
            first_offset=min(offsets),
            last_offset=max(offsets),
            positions=runs_of(new),
            business_date=max(entry.business_date for entry in new.values()),
            results=added_up(entry.results for entry in new.values()),
            adjustments=added_up(entry.adjustments for entry in new.values()),
            loans=tuple(entry.loan for _, entry in sorted(new.items()) if entry.loan is not None),
            loan_results=added_up(entry.loan_results for entry in new.values()),
            reclassified=changes(
                (entry.loan_class for entry in new.values() if entry.loan_class is not None), received.classes
            ),
        )
    ]


def added_up(parts: Iterable[Mapping[KeyT, int]]) -> dict[KeyT, int]:
    """The sums of several, cell by cell."""
    sums: dict[KeyT, int] = {}
    for part in parts:
        for cell, amount in part.items():
            sums[cell] = sums.get(cell, 0) + amount
    return sums


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(received: Received, fact: Fact) -> Received:
    """The positions taken in, with those of one more fact, and the classes of loans after it."""
    assert isinstance(fact, ResultsReceived)  # the stream has no other
    classes = {one.loan_id: (one.position, one.loan_class) for one in fact.reclassified}
    return Received(tuple(sorted((*received.runs, *fact.positions))), {**received.classes, **classes})


def stream_of(ledger_shard: int) -> str:
    """The stream of a ledger shard 0 to 7."""
    return f"results-{ledger_shard}{_SALTS[ledger_shard]}"


DECIDER: Decider[ReceiveResults, Received, None] = Decider(
    stream=lambda command: stream_of(command.ledger_shard), initial=Received(), decide=decide, evolve=evolve
)
