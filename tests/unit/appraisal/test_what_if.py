"""A draft gives what scoring by it would give, to those it is for."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain import what_if as trying
from services.appraisal.domain.card import Inputs, ManualScore, VetoNamed, scored
from services.appraisal.domain.cycle import CardKey, CardState
from services.appraisal.domain.scheme import SchemeTerms, Veto
from services.appraisal.domain.what_if import meant, what_if
from shared.contracts.appraisal import Rating
from shared.kernel.books import Book, Line
from shared.kernel.errors import Refusal


def terms(target: str = "100", **said: Any) -> SchemeTerms:
    indicator = {"code": "y", "name": "Y", "source": "measure:efficiency", "weight": "100", "target": target}
    return SchemeTerms.model_validate({"name": "D", "side": "manager", "indicators": [indicator], **said})


def card(
    actual: str, group: str | None = "manager-2", *, vetoes: tuple[VetoNamed, ...] = (), **said: Any
) -> CardState:
    inputs = Inputs.model_construct(
        side=Book.MANAGER,
        centre_id="m1",
        group=group,
        lines=dict.fromkeys(Line, 0),
        actuals={"measure:efficiency": Decimal(actual)},
        targets={},
        vetoes=vetoes,
        addenda=(),
    )
    return CardState(inputs, terms(), **said)


def test_a_draft_says_what_changes_for_whom_and_keeps_what_the_committee_moved() -> None:
    before = scored(card("80").inputs, terms(), {}, Decimal(5), "led the merger")
    cards: dict[CardKey, CardState] = {
        (Book.MANAGER, "m1"): card("80", scored=before),
        (Book.MANAGER, "m2"): card("40"),
    }
    found = what_if(cards, terms("200"))
    first, second = found.people
    assert (first.total_before, first.total_after) == (Decimal("85.00"), Decimal("45.00"))
    assert (first.rating_before, first.rating_after) == (Rating.B, Rating.D)
    assert (second.total_before, second.rating_before, second.total_after) == (None, None, Decimal("20.00"))
    assert found.before == {Rating.A: 0, Rating.B: 1, Rating.C: 0, Rating.D: 0}
    assert found.after == {Rating.A: 0, Rating.B: 0, Rating.C: 0, Rating.D: 2}


def test_a_draft_is_for_its_side_and_groups_and_for_nobody_without_a_grade() -> None:
    assert meant(terms(), "manager-2", Book.MANAGER)
    assert not meant(terms(), None, Book.MANAGER)
    assert not meant(terms(), "lending", Book.DEPARTMENT)
    assert not meant(terms(groups=["senior-1"]), "manager-2", Book.MANAGER)
    assert meant(terms(groups=["senior-1"]), "senior-1", Book.MANAGER)
    assert meant(terms(side="department"), "lending", Book.DEPARTMENT)


def test_a_draft_for_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST_CARDS", 1)
    cards = {(Book.MANAGER, name): card("1") for name in ("m1", "m2")}
    with pytest.raises(Refusal) as refused:
        what_if(cards, terms())
    assert refused.value.rule == "what-if-has-limits"


INDICATORS = [
    {"code": "y", "name": "Y", "source": "measure:efficiency", "weight": "60"},
    {"code": "churn", "name": "C", "source": "churn", "weight": "20", "curve": "lower", "target": "2"},
    {
        "code": "zeal",
        "name": "Z",
        "source": "manual:zeal",
        "weight": "20",
        "curve": "band",
        "bands": [{"starts_at": "1", "score": "50"}, {"starts_at": "4", "score": "100"}],
    },
]
ZEAL = ManualScore(source="manual:zeal", figure=Decimal(4), evidence="file 7", scored_by="ann")
VETO = VetoNamed(veto=Veto.SERIOUS_BREACH, event_id="d1", business_date=date(2026, 7, 1))


@given(
    st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=8),
    st.none() | st.integers(1, 10**6),
    st.booleans(),
    st.booleans(),
    st.decimals(-5, 5, places=2),
)
def test_what_a_draft_gives_is_what_scoring_by_it_gives(
    actuals: list[Decimal], target: int | None, by_hand: bool, vetoed: bool, moved: Decimal
) -> None:
    manual = {"manual:zeal": ZEAL} if by_hand else {}
    vetoes = (VETO,) if vetoed else ()
    cards: dict[CardKey, CardState] = {}
    for index, one in enumerate(actuals):
        own = card(f"{one:f}", vetoes=vetoes, manual=manual)
        before = scored(own.inputs, terms(), manual, moved, "as the committee said")
        cards[Book.MANAGER, f"m{index}"] = replace(own, scored=before)
    first = INDICATORS[0] if target is None else {**INDICATORS[0], "target": str(target)}
    draft = terms(indicators=[first, *INDICATORS[1:]])
    for one in what_if(cards, draft).people:
        really = scored(cards[Book.MANAGER, one.centre_id].inputs, draft, manual, moved, "so")
        assert (one.total_after, one.rating_after) == (really.total, really.rating)
