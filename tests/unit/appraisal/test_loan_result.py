"""Results of loans: what a loan brought whom, and when it changed its class."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.loan_result import (
    Reclassified,
    changes,
    class_of,
    loan_results_of,
    read,
    read_class,
    shown,
)
from services.appraisal.domain.results import DECIDER, Received, ReceiveResults, entry_of, read_results
from shared.contracts.ledger import EntryBooked
from shared.contracts.types import parse
from shared.kernel.books import LoanClass

DAY = date(2026, 7, 15)


SUBSTANDARD = {
    "loan_id": "l1",
    "loan_class": "substandard",
    "outstanding": "900.00",
    "held": "270.00",
    "closed": False,
}


def booked(**changes: Any) -> EntryBooked:
    """l1 turns substandard when interest and principal are repaid; two managers share it with nobody."""
    data: dict[str, Any] = {
        "entry_id": "e-4",
        "cause": {"id": "core-4", "type": "LoanRepaid", "source": "core-banking"},
        "business_date": "2026-07-15",
        "period": "2026-07",
        "account_id": "l1",
        "lines": {"interest_income": "10.00", "risk_charge": "-4.00", "loan_balance": "-100.00"},
        "books": {
            "manager": {
                "interest_income": {"m1": "6.00", "m2": "3.00", "unassigned": "1.00"},
                "risk_charge": {"m1": "-3.00", "m2": "-1.00"},
                "loan_balance": {"m1": "-100.00"},
            },
            "department": {
                "interest_income": {"lending": "10.00"},
                "risk_charge": {"lending": "-4.00"},
                "loan_balance": {"lending": "-100.00"},
            },
        },
        "loan": SUBSTANDARD,
    }
    return parse(EntryBooked, orjson.dumps(data | changes))


def move(centre_id: str, amount: str, **more: str) -> dict[str, str]:
    return {
        "line": "interest_income",
        "centre_id": centre_id,
        "amount": amount,
        "period": "2026-08",
        "adjusts_period": "2026-07",
        **more,
    }


def test_the_flows_of_a_loan_are_its_managers_efficiency_from_it_and_its_balance_is_not() -> None:
    assert loan_results_of(booked()) == {("l1", "m1", 202607): 300, ("l1", "m2", 202607): 200}


def test_an_entry_of_no_account_is_of_the_loan_that_it_leaves_if_any() -> None:
    assert loan_results_of(booked(account_id=None))[("l1", "m1", 202607)] == 300
    assert loan_results_of(booked(account_id=None, loan=None)) == {}


def test_what_changes_hands_of_a_loan_takes_its_results_along_in_a_month_of_its_own() -> None:
    moves = [
        move("m1", "-2.00", account_id="l1"),
        move("m3", "2.00", account_id="l1"),
        move("m1", "-9.00"),
        move("m3", "9.00"),
        move("m1", "-7.00", account_id="l1", line="loan_balance"),
        move("m3", "7.00", account_id="l1", line="loan_balance"),
    ]
    assert loan_results_of(booked(lines={}, books={}, moves=moves)) == {
        ("l1", "m1", 202608): -200,
        ("l1", "m3", 202608): 200,
    }


def test_an_entry_says_in_which_class_it_leaves_its_loan() -> None:
    assert class_of(booked(), 7, 20) == Reclassified("l1", LoanClass.SUBSTANDARD, 7, 20, DAY, "e-4", "core-4")
    assert class_of(booked(loan=None), 7, 20) is None


def test_a_loan_that_is_written_off_is_a_loss_whatever_its_class_was() -> None:
    loan = {
        "loan_id": "l1",
        "loan_class": "doubtful",
        "outstanding": "0.00",
        "held": "0.00",
        "closed": True,
        "provision_rate": "90.5",
    }
    written_off = class_of(booked(loan=loan), 7, 20)
    assert written_off is not None
    assert (written_off.loan_class, written_off.provision_rate) == (LoanClass.LOSS, Decimal("90.5"))


def test_a_class_is_taken_in_with_the_rate_that_the_ledger_states_and_the_policy_that_gives_it() -> None:
    rated = class_of(booked(loan={**SUBSTANDARD, "provision_rate": "41.70"}, policy="2026-06"), 7, 20)
    assert rated is not None
    assert (str(rated.provision_rate), rated.provision_policy) == ("41.70", "2026-06")
    unrated = class_of(booked(policy="2026-06"), 7, 20)
    assert unrated is not None
    assert (unrated.provision_rate, unrated.provision_policy) == (None, None)


def seen(position: int, loan_class: LoanClass, loan_id: str = "l1") -> Reclassified:
    return Reclassified(loan_id, loan_class, position, position + 100, DAY, f"e{position}", f"c{position}")


def test_only_another_class_than_before_is_a_change_and_a_new_loan_is_normal() -> None:
    told = [
        seen(1, LoanClass.NORMAL),
        seen(5, LoanClass.DOUBTFUL),
        seen(3, LoanClass.SUBSTANDARD),
        seen(4, LoanClass.SUBSTANDARD),
        seen(6, LoanClass.LOSS, "l2"),
    ]
    assert [one.position for one in changes(told, {})] == [3, 5, 6]
    assert [one.position for one in changes(told, {"l1": (4, LoanClass.SUBSTANDARD)})] == [5, 6]


def test_what_comes_after_something_later_changes_nothing() -> None:
    assert changes([seen(3, LoanClass.LOSS)], {"l1": (4, LoanClass.SUBSTANDARD)}) == ()


def test_results_and_classes_are_kept_with_the_batch_and_read_back() -> None:
    taken = entry_of(booked(), 7, 20)
    [fact] = DECIDER.decide(ReceiveResults(3, [taken, taken]), Received(), None)
    stored = fact.to_json().decode()
    again = read_results(stored)
    assert again == fact
    assert again.loan_results == {("l1", "m1", 202607): 300, ("l1", "m2", 202607): 200}
    assert orjson.loads(stored)["loan_results"] == {
        "l1": {"m1": {"2026-07": "3.00"}, "m2": {"2026-07": "2.00"}}
    }
    after = DECIDER.evolve(Received(), fact)
    assert after.classes == {"l1": (7, LoanClass.SUBSTANDARD)}
    [later] = DECIDER.decide(ReceiveResults(3, [entry_of(booked(), 8, 21)]), after, None)
    assert "reclassified" not in orjson.loads(later.to_json())


def test_an_entry_that_is_of_no_loan_leaves_nothing_of_loans_in_the_fact() -> None:
    taken = entry_of(booked(account_id=None, loan=None), 7, 20)
    [fact] = DECIDER.decide(ReceiveResults(3, [taken]), Received(), None)
    assert not {"loan_results", "reclassified"} & set(orjson.loads(fact.to_json()))


CELLS = st.tuples(st.sampled_from(["l1", "l2"]), st.sampled_from(["m1", "m2"]), st.just(202607))


@given(st.dictionaries(CELLS, st.integers(-(10**12), 10**12)))
def test_sums_are_read_back_as_they_were_stored(sums: dict[tuple[str, str, int], int]) -> None:
    assert read(orjson.loads(orjson.dumps(shown(sums)))) == sums


def test_a_change_of_class_is_read_back_as_it_was_stored() -> None:
    one = seen(3, LoanClass.LOSS)
    rated = replace(one, provision_rate=Decimal("41.70"), provision_policy="2026-06")
    for change in (one, rated):
        assert read_class(orjson.loads(orjson.dumps(change.to_json()))) == change
    assert rated.to_json()["provision_rate"] == "41.70"
    assert not {"provision_rate", "provision_policy"} & set(one.to_json()), (
        "as before the ledger stated rates"
    )


@given(st.lists(st.sampled_from(LoanClass), max_size=8), st.data())
def test_repetitions_in_any_order_and_batches_leave_the_latest_class(
    classes: list[LoanClass], data: st.DataObject
) -> None:
    told = [seen(position, one) for position, one in enumerate(classes, 1)]
    known: dict[str, tuple[int, LoanClass]] = {}
    position = 0
    while position < len(told):
        size = data.draw(st.integers(1, len(told) - position))
        batch = told[position : position + size]
        repeated = data.draw(st.permutations([*batch, *batch]))
        for one in changes(repeated, known):
            assert known.get("l1", (0, LoanClass.NORMAL))[1] is not one.loan_class
            known["l1"] = one.position, one.loan_class
        position += size
    assert known.get("l1", (0, LoanClass.NORMAL))[1] is (classes[-1] if classes else LoanClass.NORMAL)
