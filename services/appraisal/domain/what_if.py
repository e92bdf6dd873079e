"""What a draft of a scheme would come to (方案试算): a cycle's frozen inputs under other terms. Nothing is kept."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from services.appraisal.domain.card import total_and_rating
from services.appraisal.domain.cycle import CardKey, CardState
from services.appraisal.domain.scheme import SchemeTerms
from shared.contracts.appraisal import Rating
from shared.kernel.books import Book
from shared.kernel.errors import Refusal

MOST_CARDS = 5_000
"""How many scorecards one draft may be tried on."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One scorecard before and after; nothing before where it was not scored, or no scheme is for it."""

    centre_id: str
    group: str | None
    total_before: Decimal | None
    rating_before: Rating | None
    total_after: Decimal
    rating_after: Rating


@dataclass(frozen=True, slots=True)
class WhatIf:
    """All scorecards that the draft is for, in order of centre, and how many have each rating."""

    people: tuple[Difference, ...]
    before: Mapping[Rating, int]
    after: Mapping[Rating, int]


def meant(draft: SchemeTerms, group: str | None, side: Book) -> bool:
    """Whether a draft is for a scorecard: of its side, and of its groups where it names some. Managers without a grade,
    as ``unassigned``, are nobody's."""
    if draft.side is not side or (side is Book.MANAGER and group is None):
        return False
    return not draft.groups or group in draft.groups


def what_if(cards: Mapping[CardKey, CardState], draft: SchemeTerms) -> WhatIf:
    """Every scorecard that the draft is for, scored by it, with what was scored by hand and what the committee moved.

    Raises Refusal above MOST_CARDS.
    """
    wanted = [key for key, card in sorted(cards.items()) if meant(draft, card.inputs.group, key[0])]
    if len(wanted) > MOST_CARDS:
        detail = f"the draft is for {len(wanted)} scorecards; name groups of at most {MOST_CARDS} in all"
        raise Refusal("what-if-has-limits", "groups", detail)
    people = tuple(_difference(cards[key], draft, key[1]) for key in wanted)
    return WhatIf(
        people,
        _counted(one.rating_before for one in people),
        _counted(one.rating_after for one in people),
    )


def _difference(card: CardState, draft: SchemeTerms, centre_id: str) -> Difference:
    before = card.scored
    moved = Decimal(0) if before is None else before.calibration
    total, rating = total_and_rating(card.inputs, draft, card.manual, moved)
    return Difference(
        centre_id=centre_id,
        group=card.inputs.group,
        total_before=None if before is None else before.total,
        rating_before=None if before is None else before.rating,
        total_after=total,
        rating_after=rating,
    )


def _counted(ratings: Iterable[Rating | None]) -> Mapping[Rating, int]:
    found = Counter(ratings)
    return {rating: found[rating] for rating in Rating}
