"""A cycle goes step by step, keeps what was frozen, and nobody agrees to their own work."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.appraisal.domain import cycle as cycles
from services.appraisal.domain.card import Inputs, ManualScore, Scored, VetoNamed, scored, totals
from services.appraisal.domain.cycle import (
    CardState,
    Consulted,
    Cycle,
    Status,
    ToFreeze,
    check_sides,
    last_day_of,
)
from services.appraisal.domain.cycle_command import (
    AppealCard,
    ApproveCycle,
    CalibrateCard,
    CloseCycle,
    Command,
    DecideAppeal,
    FreezeCycle,
    OpenCycle,
    PublishCycle,
    ScoreByHand,
    ScoreCycle,
)
from services.appraisal.domain.cycle_event import (
    CardCalibrated,
    CardFrozen,
    CardScored,
    CycleFrozen,
    CycleKind,
    ScoredByHand,
)
from services.appraisal.domain.scheme import SchemeTerms, Veto
from shared.contracts.appraisal import Rating, ScorecardApproved
from shared.contracts.ledger import ComputedFrom
from shared.kernel.books import Book, Line
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact

DAY = date(2026, 10, 12)
Q3 = ("2026-Q3", "ann", DAY)
MANAGER = Book.MANAGER

TERMS = SchemeTerms.model_validate(
    {
        "name": "Usual",
        "side": "manager",
        "indicators": [
            {
                "code": "y",
                "name": "Efficiency",
                "source": "measure:efficiency",
                "weight": "60",
                "target": "100.00",
            },
            {"code": "churn", "name": "Churn", "source": "churn", "weight": "20", "curve": "lower"},
            {
                "code": "zeal",
                "name": "Diligence",
                "source": "manual:diligence",
                "weight": "20",
                "curve": "band",
                "bands": [{"starts_at": "1", "score": "50"}, {"starts_at": "4", "score": "100"}],
            },
        ],
    }
)


def inputs(centre_id: str, fees: int, side: Book = MANAGER, **said: Any) -> Inputs:
    lines = {**dict.fromkeys(Line, 0), Line.FEE_INCOME: fees}
    return Inputs.model_construct(
        **{
            "side": side,
            "centre_id": centre_id,
            "group": None,
            "scheme_id": None,
            "scheme_version": None,
            "lines": lines,
            "actuals": {"measure:efficiency": Decimal(fees).scaleb(-2), "churn": Decimal(3)},
            "targets": {"churn": Decimal(2)},
            "vetoes": (),
            "addenda": (),
            **said,
        }
    )


M1, M2 = inputs("m1", 9_000), inputs("m2", 1_000)
LENDING = inputs("lending", 10_000, Book.DEPARTMENT)
FROM = ComputedFrom(positions={0: 7}, hash="00")
READY = Consulted({"2026-Q3": ToFreeze([M1, M2, LENDING], FROM, 10_000)})


def cards(**said: Any) -> Consulted:
    """The cards of the cycle: m1's and m2's by a scheme, the department's without."""
    own = {
        (MANAGER, "m1"): CardState(M1, TERMS, **said),
        (MANAGER, "m2"): CardState(M2, TERMS),
        (Book.DEPARTMENT, "lending"): CardState(LENDING, None),
    }
    return Consulted(cards={"2026-Q3": own})


def after(*commands: tuple[Command, Consulted]) -> Cycle:
    cycle = Cycle()
    for command, consulted in commands:
        for fact in cycles.decide(command, cycle, consulted):
            cycle = cycles.evolve(cycle, fact)
    return cycle


def opened(by: str = "ann") -> OpenCycle:
    return OpenCycle("2026-Q3", by, DAY, "2026-Q3", CycleKind.REGULAR, Decimal(5))


OPENED = (opened(), Consulted())
FROZEN = (FreezeCycle(*Q3), READY)
SCORED = (ScoreCycle(*Q3), cards())
APPROVED = (ApproveCycle("2026-Q3", "bob", DAY), cards())
PUBLISHED = (PublishCycle(*Q3), cards())


def refusal(command: Command, cycle: Cycle, consulted: Consulted) -> str:
    with pytest.raises(Refusal) as refused:
        cycles.decide(command, cycle, consulted)
    return refused.value.rule


def test_a_cycle_goes_through_all_its_steps_in_order() -> None:
    steps: Sequence[tuple[Command, Consulted]] = (
        OPENED, FROZEN, SCORED, APPROVED, PUBLISHED, (CloseCycle(*Q3), Consulted()),
    )  # fmt: skip
    reached = [after(*steps[:count]).status for count in range(1, len(steps) + 1)]
    [begun] = cycles.decide(opened(), Cycle(), Consulted())
    assert begun.stream == "cycle-2026-Q3"
    assert reached == list(Status)
    assert cycles.DECIDER.stream(opened()) == "cycle-2026-Q3"
    assert last_day_of("2026-Q3") == date(2026, 9, 30)


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        (ScoreCycle(*Q3), (OPENED,)),
        (FreezeCycle(*Q3), (OPENED, FROZEN)),
        (ApproveCycle(*Q3), (OPENED, FROZEN)),
        (PublishCycle(*Q3), (OPENED, FROZEN, SCORED)),
        (ScoreCycle(*Q3), (OPENED, FROZEN, SCORED, APPROVED)),
        (CloseCycle(*Q3), (OPENED, FROZEN, SCORED, APPROVED)),
        (AppealCard(*Q3, MANAGER, "m1", "unfair"), (OPENED, FROZEN, SCORED, APPROVED)),
    ],
)
def test_no_step_is_left_out_or_taken_twice(command: Command, steps: Any) -> None:
    assert refusal(command, after(*steps), cards()) == "cycle-goes-step-by-step"


def test_a_cycle_is_opened_once_and_known_before_anything_else() -> None:
    assert refusal(opened(), after(OPENED), Consulted()) == "cycle-is-new"
    assert refusal(FreezeCycle(*Q3), Cycle(), READY) == "cycle-is-known"


def test_freezing_keeps_the_inputs_and_the_ledgers_position() -> None:
    frozen, *kept = cycles.decide(FreezeCycle(*Q3), after(OPENED), READY)
    assert isinstance(frozen, CycleFrozen)
    assert frozen.computed_from == FROM
    assert frozen.efficiency == {Book.MANAGER: 10_000, Book.DEPARTMENT: 10_000}
    assert [fact.inputs.centre_id for fact in kept if isinstance(fact, CardFrozen)] == ["m1", "m2", "lending"]
    assert kept[0].stream == "card-2026-Q3#manager~m1"
    again = CardFrozen.model_validate_json(kept[0].to_json())
    assert again == kept[0]


def test_an_open_month_or_sides_that_differ_keep_a_cycle_from_freezing() -> None:
    open_month = Consulted({"2026-Q3": ToFreeze(missing=["2026-09"])})
    assert refusal(FreezeCycle(*Q3), after(OPENED), open_month) == "period-is-closed"
    for found in (ToFreeze([M1, LENDING], FROM, 10_000), ToFreeze([M1, M2, LENDING], FROM, 9_999)):
        assert refusal(FreezeCycle(*Q3), after(OPENED), Consulted({"2026-Q3": found})) == "both-sides-agree"


def test_both_sides_and_the_ledger_come_to_the_same() -> None:
    assert totals([M1, M2, LENDING]) == {Book.MANAGER: 10_000, Book.DEPARTMENT: 10_000}
    check_sides({Book.MANAGER: 5, Book.DEPARTMENT: 5}, 5)


def test_a_scorecard_says_how_every_score_came_about() -> None:
    given = {
        "manual:diligence": ManualScore(
            source="manual:diligence", figure=Decimal(4), evidence="file 7", scored_by="ann"
        )
    }
    found = scored(M1, TERMS, given)
    assert [(one.code, f"{one.score:f}") for one in found.indicators] == [
        ("y", "90.0000"),
        ("churn", "50.0000"),
        ("zeal", "100.0000"),
    ]
    assert (found.computed, found.total, found.rating) == (Decimal("84.00"), Decimal("84.00"), Rating.B)
    assert found.indicators[0].words == "measure:efficiency is 90.00; 100 × 90.00 ÷ 100.00, between 0 and 120"
    assert found.indicators[1].words == "churn is 3; 100 × (2 − 3 ÷ 2), between 0 and 120"
    assert found.indicators[2].words == (
        "4 given by ann: file 7; by the bands of the scheme, between 0 and 120"
    )
    assert Scored.model_validate_json(found.to_json()) == found


def test_what_has_no_figure_or_no_target_scores_nothing_and_says_so() -> None:
    bare = inputs("m3", 0, actuals={}, targets={"churn": Decimal(0)})
    found = scored(bare, TERMS, {})
    assert [one.score for one in found.indicators] == [0, 0, 0]
    assert "there is no figure of measure:efficiency" in found.indicators[0].words
    assert "no target to measure it by: no score" in found.indicators[1].words
    assert "nobody has scored it" in found.indicators[2].words
    assert found.rating is Rating.D


def test_a_veto_caps_what_calibration_lifts() -> None:
    vetoed = inputs(
        "m1", 12_000, vetoes=(VetoNamed(veto=Veto.SERIOUS_BREACH, event_id="d1", business_date=DAY),)
    )
    found = scored(vetoed, TERMS, {}, Decimal(5), "led the merger")
    assert (found.computed, found.total) == (Decimal("82.00"), Decimal("87.00"))
    assert found.rating is Rating.C


def by_hand(source: str = "manual:diligence", actor: str = "ann", centre: str = "m1") -> ScoreByHand:
    return ScoreByHand("2026-Q3", actor, DAY, MANAGER, centre, source, Decimal(4), "file 7")


def test_people_score_what_the_scheme_leaves_to_them_and_never_themselves() -> None:
    cycle = after(OPENED, FROZEN)
    [fact] = cycles.decide(by_hand(), cycle, cards())
    assert isinstance(fact, ScoredByHand)
    assert fact.score.figure == 4
    assert refusal(by_hand("measure:efficiency"), cycle, cards()) == "source-is-manual"
    assert refusal(by_hand("manual:charm"), cycle, cards()) == "source-is-manual"
    assert refusal(by_hand(actor="m1"), cycle, cards()) == "four-eyes"
    assert refusal(by_hand(centre="m9"), cycle, cards()) == "card-is-known"
    unscheduled = ScoreByHand("2026-Q3", "ann", DAY, Book.DEPARTMENT, "lending", "manual:x", Decimal(1), "x")
    assert refusal(unscheduled, cycle, cards()) == "source-is-manual"


def test_scoring_again_keeps_what_the_committee_moved() -> None:
    moved = scored(M1, TERMS, {}, Decimal(3), "led the merger")
    facts = cycles.decide(ScoreCycle(*Q3), after(OPENED, FROZEN, SCORED), cards(scored=moved))
    found = {fact.centre_id: fact.scored for fact in facts if isinstance(fact, CardScored)}
    assert set(found) == {"m1", "m2"}, "what no scheme is for is not scored"
    assert found["m1"] == moved
    assert found["m2"].calibration == 0
    assert facts[0].stream == "card-2026-Q3#manager~m1", "in the shard of its cycle"


def calibrate(points: str, actor: str = "cem", centre: str = "m1", side: Book = MANAGER) -> CalibrateCard:
    return CalibrateCard("2026-Q3", actor, DAY, side, centre, Decimal(points), "led the merger")


def test_the_committee_moves_a_total_within_limits() -> None:
    cycle, done = after(OPENED, FROZEN, SCORED), cards(scored=scored(M1, TERMS, {}))
    [fact] = cycles.decide(calibrate("-5"), cycle, done)
    assert isinstance(fact, CardCalibrated)
    assert fact.scored.total == fact.scored.computed - 5
    assert refusal(calibrate("5.01"), cycle, done) == "calibration-has-limits"
    assert refusal(calibrate("1", actor="m1"), cycle, done) == "four-eyes"
    assert refusal(calibrate("1", centre="m2"), cycle, done) == "card-is-scored"
    assert refusal(calibrate("1", centre="lending", side=Book.DEPARTMENT), cycle, done) == "card-is-scored"


def test_nobody_approves_what_they_scored_or_calibrated() -> None:
    moved = (calibrate("1"), cards(scored=scored(M1, TERMS, {})))
    by_zoe = (by_hand(actor="zoe"), cards())
    cycle = after(OPENED, FROZEN, by_zoe, SCORED, moved)
    for actor in ("ann", "cem", "zoe"):
        assert refusal(ApproveCycle("2026-Q3", actor, DAY), cycle, cards()) == "four-eyes"
    assert cycles.decide(APPROVED[0], cycle, cards())


def test_publishing_tells_each_managers_rating() -> None:
    done = cards(scored=scored(M1, TERMS, {}))
    facts = cycles.decide(PublishCycle(*Q3), after(OPENED, FROZEN, SCORED, APPROVED), done)
    told = [fact for fact in facts if isinstance(fact, ScorecardApproved)]
    assert [(one.manager_id, one.rating, one.total) for one in told] == [("m1", "C", Decimal("64.00"))]


def appeal(centre: str = "m1", actor: str = "m1") -> AppealCard:
    return AppealCard("2026-Q3", actor, DAY, MANAGER, centre, "unfair")


def decision(rating: Rating | None, actor: str = "cem") -> DecideAppeal:
    return DecideAppeal("2026-Q3", actor, DAY, MANAGER, "m1", rating, "heard")


def test_an_appeal_is_made_once_decided_once_and_closes_the_way_to_the_end_until_then() -> None:
    published = (OPENED, FROZEN, SCORED, APPROVED, PUBLISHED)
    cycle = after(*published, (appeal(), cards()))
    assert refusal(appeal(), cycle, cards()) == "one-appeal"
    assert refusal(appeal("m9"), cycle, cards()) == "card-is-known"
    assert refusal(CloseCycle(*Q3), cycle, Consulted()) == "appeals-are-decided"
    for actor in ("m1", "bob"):
        assert refusal(decision(Rating.A, actor), cycle, cards()) == "four-eyes"
    others = after(*published, (appeal(actor="cem"), cards()))
    assert refusal(decision(Rating.A, "cem"), others, cards()) == "four-eyes"
    cycle = after(*published, (appeal(), cards()), (decision(Rating.A), cards()))
    assert refusal(decision(None), cycle, cards()) == "one-appeal"
    closed: Sequence[Fact] = cycles.decide(CloseCycle(*Q3), cycle, Consulted())
    assert len(closed) == 1
