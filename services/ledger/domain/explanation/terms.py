"""The vocabulary of explanations: rules, what was known when an entry was booked, and the reasons of a leg."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from services.ledger.domain.attribution import Posting
from services.ledger.domain.entry import EntryBooked
from services.ledger.domain.explanation.split import Split, Term, Viewer
from services.ledger.domain.policy import Policies
from services.ledger.domain.timeline import Timeline, Weights, share_text
from shared.contracts.assignment import CustomerAssigned
from shared.kernel.money import format_money


class Rule(NamedTuple):
    """A rule by its stable name, and what it says."""

    name: str
    sentence: str


class Word(NamedTuple):
    """An assignment message; ``position`` is its place in the log."""

    event_id: str
    position: str
    assigned: CustomerAssigned


@dataclass(frozen=True, slots=True)
class Known:
    """What was known when an entry was booked, as far as it bears on it.

    ``words`` are those about the entry's customer in order of arrival, ``postings`` those of a move's account.
    For the entries of a close, ``earlier`` are those that closes before booked for the same manager and month, and
    ``peers`` all that the same close booked for it.
    """

    words: Sequence[Word] = ()
    policies: Policies = field(default_factory=Policies)
    postings: Sequence[Posting] = ()
    earlier: Sequence[EntryBooked] = ()
    peers: Sequence[EntryBooked] = ()

    def timeline(self, without: str | None = None) -> Timeline:
        """The customer's timeline by these words, or by all but the one with this event id."""
        timeline = Timeline()
        for word in self.words:
            if word.event_id != without:
                timeline = timeline.with_assignment(word.assigned)
        return timeline

    def word_on(self, day: date) -> Word | None:
        """The message that says who looks after the customer on a business date, if any does."""
        effective = [word for word in self.words if word.assigned.effective_from <= day]
        return max(reversed(effective), key=lambda word: word.assigned.effective_from, default=None)


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a leg, or the whole of an entry's line, has its amount. The ``terms`` add up to it."""

    rules: tuple[Rule, ...]
    sentences: tuple[str, ...]
    terms: tuple[Term, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, str] = field(default_factory=dict)
    shares: Weights = field(default_factory=dict)
    word: Word | None = None
    splits: tuple[Split, ...] = ()

    def shown(self, viewer: Viewer, policy: str | None) -> dict[str, Any]:
        """The wire form; ``policy`` is the version of the rates."""
        return {
            "rules": [rule._asdict() for rule in self.rules],
            "sentences": list(self.sentences),
            "terms": [{"what": term.what, "amount": format_money(term.amount)} for term in self.terms],
            "figures": dict(self.figures),
            "policy": {"version": policy, "rates": dict(self.rates)} if self.rates else None,
            "shares": shares_shown(self.shares, viewer),
            "assignment": word_shown(self.word),
            "splits": [split.shown(viewer) for split in self.splits],
        }


def shares_shown(shares: Weights, viewer: Viewer) -> list[dict[str, str | None]]:
    """Each manager's share; of others only that there are some."""
    return [
        {"manager_id": viewer.name(manager), "share": share_text(weight) if viewer.sees(manager) else None}
        for manager, weight in shares.items()
    ]


def word_shown(word: Word | None) -> dict[str, str] | None:
    """An assignment message by its id, its day and its place in the log."""
    if word is None:
        return None
    since = word.assigned.effective_from.isoformat()
    return {"event_id": word.event_id, "effective_from": since, "position": word.position}


def shares_said(shares: Weights, viewer: Viewer) -> str:
    """``m1 (0.6) and m2 (0.4)``, or ``m2 (0.4) and another manager``."""
    said = [
        f"{manager} ({share_text(weight)})" if viewer.sees(manager) else viewer.name(manager)
        for manager, weight in shares.items()
    ]
    return " and ".join((", ".join(said[:-1]), said[-1])) if len(said) > 1 else said[0]
