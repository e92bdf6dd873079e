"""Results received: an entry counts once, whatever batch it comes in."""

from datetime import date
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.appraisal.domain.results import (
    DECIDER,
    LEDGER_SHARDS,
    LedgerEntry,
    Received,
    ReceiveResults,
    ResultsReceived,
    added_up,
    entry_of,
    read_results,
    runs_of,
    stream_of,
)
from shared.contracts.ledger import EntryBooked
from shared.contracts.types import parse
from shared.infrastructure.event_log import PARTITIONS
from shared.infrastructure.event_store import shard_of_stream
from shared.kernel.books import Line
from shared.kernel.errors import Malformed

DAY = date(2026, 7, 15)
CELLS = [
    (book, month, centre_id, line.value)
    for book, centre_id in (("manager", "m1"), ("manager", "unassigned"), ("department", "lending"))
    for month in (202606, 202607)
    for line in (Line.INTEREST_INCOME, Line.RISK_CHARGE)
]


def entry(position: int, day: date = DAY, log_offset: int | None = None, **amounts: int) -> LedgerEntry:
    """An entry of July with these amounts of interest by manager."""
    results = {
        ("manager", 202607, centre_id, "interest_income"): amount for centre_id, amount in amounts.items()
    }
    return LedgerEntry(position, position - 1 if log_offset is None else log_offset, day, results)


def receive(received: Received, *entries: LedgerEntry, ledger_shard: int = 3) -> list[ResultsReceived]:
    facts = DECIDER.decide(ReceiveResults(ledger_shard, entries), received, None)
    assert all(isinstance(fact, ResultsReceived) for fact in facts)
    return list(facts)  # type: ignore[arg-type]  # as just asserted


def booked(**changes: object) -> EntryBooked:
    """c2 repays 2500.00 of interest in July, shared by two managers."""
    data: dict[str, object] = {
        "entry_id": "core-4",
        "cause": {"id": "core-4", "type": "LoanRepaid", "source": "core-banking"},
        "business_date": "2026-07-15",
        "period": "2026-07",
        "lines": {"interest_income": "2500.00"},
        "books": {
            "manager": {"interest_income": {"m1": "1500.00", "m2": "1000.00"}},
            "department": {"interest_income": {"lending": "2500.00"}},
        },
    }
    return parse(EntryBooked, orjson.dumps(data | changes))


def test_an_entry_is_taken_in_by_book_month_centre_and_line() -> None:
    taken = entry_of(booked(), position=17, log_offset=8)
    assert taken == LedgerEntry(
        17,
        8,
        DAY,
        {
            ("manager", 202607, "m1", "interest_income"): 150000,
            ("manager", 202607, "m2", "interest_income"): 100000,
            ("department", 202607, "lending", "interest_income"): 250000,
        },
    )


def test_a_transfer_between_managers_moves_nothing_on_the_departments_side() -> None:
    moved = {"deposit_balance": {"m1": "-60.00", "m2": "60.00"}}
    for department in ({}, {"deposit_balance": {}}):
        taken = entry_of(
            booked(lines={"deposit_balance": "0.00"}, books={"manager": moved, "department": department}),
            1,
            0,
        )
        assert taken.results == {
            ("manager", 202607, "m1", "deposit_balance"): -6000,
            ("manager", 202607, "m2", "deposit_balance"): 6000,
        }


def move(line: str, centre_id: str, amount: str, period: str = "2026-07", **more: str) -> dict[str, str]:
    return {"line": line, "centre_id": centre_id, "amount": amount, "period": period, **more}


def test_what_changes_hands_counts_in_the_manager_book_in_months_of_its_own() -> None:
    moves = [
        move("deposit_balance", "m1", "-60.00"),
        move("deposit_balance", "m2", "60.00"),
        move("interest_income", "m1", "-5.00", "2026-08", adjusts_period="2026-06"),
        move("interest_income", "m2", "5.00", "2026-08", adjusts_period="2026-06"),
    ]
    assert entry_of(booked(lines={}, books={}, moves=moves), position=1, log_offset=0).results == {
        ("manager", 202607, "m1", "deposit_balance"): -6000,
        ("manager", 202607, "m2", "deposit_balance"): 6000,
        ("manager", 202608, "m1", "interest_income"): -500,
        ("manager", 202608, "m2", "interest_income"): 500,
    }


def test_what_changes_hands_comes_on_top_of_what_the_entry_booked() -> None:
    moves = [
        move("interest_income", "m1", "-1.00"),
        move("interest_income", "m1", "-0.50", adjusts_period="2026-06"),
        move("interest_income", "m3", "1.00"),
        move("interest_income", "m3", "0.50", adjusts_period="2026-06"),
    ]
    assert entry_of(booked(moves=moves), position=1, log_offset=0).results == {
        ("manager", 202607, "m1", "interest_income"): 150000 - 150,
        ("manager", 202607, "m2", "interest_income"): 100000,
        ("manager", 202607, "m3", "interest_income"): 150,
        ("department", 202607, "lending", "interest_income"): 250000,
    }


def test_what_adjusts_a_closed_month_is_kept_apart_by_that_month() -> None:
    moves = [
        move("interest_income", "m1", "-1.00", "2026-08", adjusts_period="2026-06"),
        move("interest_income", "m2", "1.00", "2026-08", adjusts_period="2026-06"),
    ]
    taken = entry_of(booked(adjusts_period="2026-05", moves=moves), position=1, log_offset=0)
    assert taken.adjustments == {
        (202605, ("manager", 202607, "m1", "interest_income")): 150000,
        (202605, ("manager", 202607, "m2", "interest_income")): 100000,
        (202605, ("department", 202607, "lending", "interest_income")): 250000,
        (202606, ("manager", 202608, "m1", "interest_income")): -100,
        (202606, ("manager", 202608, "m2", "interest_income")): 100,
    }
    [fact] = receive(Received(), taken)
    assert read_results(fact.to_json().decode()) == fact


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (move("interest_income", "m2", "0.99"), "must add up to zero"),
        (move("fee_income", "m2", "1.00"), "must add up to zero"),
        (move("interest_income", "m2", "1.00", "2026-08"), "must add up to zero"),
        (move("interest_income", "m2", "1.00", "2026-Q3"), "2026-Q3"),
    ],
    ids=["amount", "line", "period", "no month"],
)
def test_what_one_gains_and_no_other_gives_up_is_malformed(second: dict[str, str], complaint: str) -> None:
    first = move("interest_income", "m1", "-1.00")
    with pytest.raises(Malformed, match=complaint):
        entry_of(booked(moves=[first, second]), position=1, log_offset=0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"period": "2026-Q3"}, "2026-Q3"),
        ({"lines": {"interest_income": "2500.01"}}, "books.manager.interest_income: must add up to 2500.01"),
        ({"lines": {}}, "books.manager.interest_income: must add up to 0.00"),
        ({"books": {}}, "books.manager.interest_income: must add up to 2500.00"),
        (
            {"books": {"manager": {"interest_income": {"m1": "2500.00"}}}},
            "books.department.interest_income: must add up to 2500.00",
        ),
    ],
)
def test_an_entry_whose_books_do_not_agree_is_malformed(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        entry_of(booked(**changes), position=1, log_offset=0)


def test_a_batch_becomes_one_fact_with_sums_positions_and_place_in_the_log() -> None:
    [fact] = receive(
        Received(),
        entry(4, log_offset=10, m1=500, m2=-20),
        entry(5, log_offset=11, day=date(2026, 7, 2), m1=7),
        entry(9, log_offset=15, m2=20),
    )
    assert fact == ResultsReceived(
        ledger_shard=3,
        first_offset=10,
        last_offset=15,
        positions=((4, 5), (9, 9)),
        business_date=DAY,
        results={
            ("manager", 202607, "m1", "interest_income"): 507,
            ("manager", 202607, "m2", "interest_income"): 0,
        },
    )
    assert fact.entries == 3


def test_an_entry_taken_in_before_is_dropped_and_the_others_are_not() -> None:
    received = DECIDER.evolve(Received(), receive(Received(), entry(1, m1=1), entry(2, m1=2))[0])
    [fact] = receive(received, entry(2, log_offset=7, m1=2), entry(3, log_offset=8, m1=3))
    assert (fact.positions, fact.first_offset, fact.last_offset) == (((3, 3),), 8, 8)
    assert sum(fact.results.values()) == 3


def test_nothing_new_gives_no_fact() -> None:
    assert receive(Received(((1, 5),)), entry(1, m1=1), entry(5, m1=1)) == []


def test_an_entry_that_stands_twice_in_a_batch_counts_once() -> None:
    [fact] = receive(Received(), entry(1, m1=1), entry(1, log_offset=9, m1=1))
    assert (fact.entries, fact.last_offset, sum(fact.results.values())) == (1, 0, 1)


def test_an_entry_that_was_left_out_can_follow_later() -> None:
    """A dead letter of the middle, replayed when those behind it were counted long ago."""
    received = Received(((1, 3), (5, 80)))
    [fact] = receive(received, entry(4, m1=4))
    assert DECIDER.evolve(received, fact) == Received(((1, 3), (4, 4), (5, 80)))


def test_a_fact_is_read_back_as_it_was_stored_however_large_its_sums() -> None:
    fact = ResultsReceived(
        7, 0, 499, ((1, 400), (402, 501)), DAY, {("manager", 202607, "m1", "risk_charge"): -9 * 10**18}
    )
    assert read_results(fact.to_json().decode()) == fact


def test_a_fact_is_stored_by_book_month_centre_and_line() -> None:
    fact = ResultsReceived(0, 5, 5, ((6, 6),), DAY, {("manager", 202607, "m1", "risk_charge"): -5})
    assert orjson.loads(fact.to_json()) == {
        "ledger_shard": 0,
        "first_offset": 5,
        "last_offset": 5,
        "positions": [[6, 6]],
        "entries": 1,
        "business_date": "2026-07-15",
        "results": {"manager": {"2026-07": {"m1": {"risk_charge": "-0.05"}}}},
    }


def test_each_ledger_shard_is_taken_in_by_the_shard_of_the_same_number() -> None:
    assert LEDGER_SHARDS == PARTITIONS
    assert [shard_of_stream(stream_of(shard)) for shard in range(PARTITIONS)] == list(range(PARTITIONS))
    assert DECIDER.stream(ReceiveResults(3, [])) == stream_of(3) == receive(Received(), entry(1))[0].stream


@given(st.sets(st.integers(1, 60)))
def test_runs_hold_exactly_the_positions_they_are_made_of(positions: set[int]) -> None:
    runs = runs_of(positions)
    received = Received(runs)
    assert {position for position in range(62) if received.has(position)} == positions
    assert all(behind[0] > ahead[1] + 1 for ahead, behind in pairwise(runs))


ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(CELLS), st.integers(-(10**12), 10**12), max_size=4),
    min_size=1,
    max_size=12,
)


@given(ENTRIES, st.data())
def test_any_batching_order_and_repetition_of_the_same_entries_gives_the_same_sums(
    amounts: list[dict[tuple[str, int, str, str], int]], data: st.DataObject
) -> None:
    entries = [LedgerEntry(position, position, DAY, results) for position, results in enumerate(amounts, 1)]
    arriving = data.draw(
        st.lists(st.sampled_from(entries), max_size=20)
        .map(lambda repeated: entries + repeated)
        .flatmap(st.permutations),
        label="arriving",
    )
    received, facts = Received(), []
    while arriving:
        size = data.draw(st.integers(1, len(arriving)), label="size")
        for fact in receive(received, *arriving[:size]):
            received = DECIDER.evolve(received, fact)
            facts.append(read_results(fact.to_json().decode()))
        arriving = arriving[size:]
    assert added_up(fact.results for fact in facts) == added_up(amounts)
    assert sum(fact.entries for fact in facts) == len(entries)
    assert all(received.has(one.position) for one in entries)
