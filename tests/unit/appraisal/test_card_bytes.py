"""A published scorecard is byte-equal for ever: also under every later version of this software.

The file in ``golden`` is never changed. What is to be shown beside what it has belongs to another resource.
"""

from decimal import Decimal
from pathlib import Path

from services.appraisal.domain.card import Inputs, ManualScore, scored
from services.appraisal.domain.scheme import SchemeTerms
from services.appraisal.views.card import Card

GOLDEN = Path(__file__).parent / "golden" / "card.json"
TERMS = {
    "name": "Usual",
    "side": "manager",
    "indicators": [
        {
            "code": "y",
            "name": "Efficiency",
            "source": "measure:net_interest_income",
            "weight": "50",
            "target": "100",
        },
        {"code": "c", "name": "Churn", "source": "churn", "weight": "25", "curve": "lower", "target": "5"},
        {
            "code": "z",
            "name": "Diligence",
            "source": "manual:diligence",
            "weight": "25",
            "curve": "band",
            "bands": [{"starts_at": "4", "score": "100"}],
        },
    ],
}
INPUTS = {
    "side": "manager",
    "centre_id": "m1",
    "group": "manager-2",
    "scheme_id": "usual",
    "scheme_version": 1,
    "lines": {"interest_income": "100.00", "deposit_cost": "-20.00"},
    "actuals": {"measure:net_interest_income": "80.00", "churn": "2.5"},
    "targets": {"churn": "4"},
    "vetoes": [{"veto": "serious-breach", "event_id": "e1", "business_date": "2026-08-09"}],
    "addenda": [{"adjusts_period": "2026-05", "lines": {"deposit_cost": "-20.00"}, "efficiency": "-20.00"}],
}


def test_a_published_scorecard_is_shown_as_it_was_once_shown() -> None:
    inputs = Inputs.model_validate(INPUTS)
    by_hand = ManualScore(source="manual:diligence", figure=Decimal(4), evidence="file 7", scored_by="ann")
    found = scored(
        inputs, SchemeTerms.model_validate(TERMS), {by_hand.source: by_hand}, Decimal("1.5"), "why"
    )
    card = Card(
        side="manager",
        centre_id="m1",
        group_id=inputs.group,
        scheme_id=inputs.scheme_id,
        scheme_version=inputs.scheme_version,
        efficiency=inputs.efficiency,
        total=found.total,
        rating=found.rating,
        published=True,
        inputs=inputs.model_dump_json(),
        manual=f'{{"{by_hand.source}": {by_hand.model_dump_json()}}}',
        scored=found.model_dump_json(),
    )
    assert card.shown("2026-Q3", "2026-Q3") == GOLDEN.read_bytes()
