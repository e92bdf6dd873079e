"""Where managers belong, and statements added up along the two hierarchies."""

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path as File
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.organisation import (
    DECIDER,
    NONE,
    SINCE_EVER,
    ManagerPlaced,
    Path,
    PlaceManager,
    add_up,
    lies_in,
    same,
)
from services.ledger.domain.statement import Statement, state, total
from shared.contracts.assignment import ManagerRegistered, ManagerTransferred
from shared.infrastructure.event_store import shard_of_stream
from shared.kernel.books import Book, Line
from shared.kernel.period import Period

JULY = Period.parse("2026-07")
OLD = (File(__file__).parent / "golden" / "ManagerPlaced.json").read_text()


def registered(**more: Any) -> PlaceManager:
    data = {"manager_id": "m1", "branch_id": "b1", "team_id": "t1", "grade": "trainee",
            "hired_on": "2026-01-01", "business_date": "2026-07-01", **more}  # fmt: skip
    return PlaceManager(ManagerRegistered.model_validate(data))


def transferred(**more: Any) -> PlaceManager:
    data = {"manager_id": "m1", "branch_id": "b2", "team_id": "t3", "effective_from": "2026-09-01",
            "reason": "new branch", **more}  # fmt: skip
    return PlaceManager(ManagerTransferred.model_validate(data))


def placed(command: PlaceManager) -> ManagerPlaced:
    [fact] = DECIDER.decide(command, DECIDER.initial, None)
    assert isinstance(fact, ManagerPlaced)
    assert DECIDER.stream(command) == fact.stream
    assert DECIDER.evolve(None, fact) is None
    return fact


def test_a_registered_manager_is_placed_in_a_stream_of_the_own_shard() -> None:
    fact = placed(registered())
    assert (fact.manager_id, fact.branch_id, fact.team_id) == ("m1", "b1", "t1")
    assert fact.business_date == date(2026, 7, 1)
    assert fact.stream == "manager-m1#place"
    assert shard_of_stream(fact.stream) == shard_of_stream("manager-m1")


def test_a_registration_holds_since_ever_and_a_transfer_from_its_effective_date_on() -> None:
    assert placed(registered()).effective_from == SINCE_EVER == date(1900, 1, 1)
    fact = placed(transferred())
    assert (fact.manager_id, fact.branch_id, fact.team_id) == ("m1", "b2", "t3")
    assert fact.effective_from == fact.business_date == date(2026, 9, 1)
    assert fact.stream == placed(registered()).stream


@pytest.mark.parametrize("team", ["t1", None])
@pytest.mark.parametrize("command", [registered, transferred])
def test_a_place_is_stored_and_read_back(command: Callable[..., PlaceManager], team: str | None) -> None:
    fact = placed(command(team_id=team))
    assert ManagerPlaced.model_validate_json(fact.to_json()) == fact
    assert orjson.loads(fact.to_json()).get("team_id") == team


def test_a_place_stored_before_there_were_transfers_holds_since_ever() -> None:
    assert "effective_from" not in orjson.loads(OLD)
    assert ManagerPlaced.model_validate_json(OLD) == placed(registered())


def test_a_message_that_comes_again_is_the_same_unless_it_places_the_manager_elsewhere() -> None:
    stored = placed(registered()).to_json().decode()
    assert same(registered(), stored)
    assert same(registered(grade="principal"), stored), "the grade is not the ledger's affair"
    assert not same(registered(team_id=None), stored)
    assert not same(registered(branch_id="b2"), stored)
    assert same(registered(), OLD)
    moved = placed(transferred()).to_json().decode()
    assert same(transferred(reason="said otherwise"), moved), "neither is the reason"
    assert not same(transferred(effective_from="2026-09-02"), moved)
    assert not same(registered(branch_id="b2", team_id="t3", business_date="2026-09-01"), moved)


@pytest.mark.parametrize(
    ("path", "wanted", "expected"),
    [
        (("b1", "t1", "m1"), (None, None), True),
        (("b1", "t1", "m1"), ("b1", None), True),
        (("b1", "t1", "m1"), ("b1", "t1"), True),
        (("b1", "t1", "m1"), ("b2", "t1"), False),
        (("b1", "t1", "m1"), (None, NONE), False),
        (("b1", None, "m1"), (None, NONE), True),
        (("b1", None, "m1"), ("b1", "t1"), False),
        ((None, None, "m1"), (NONE, None), True),
        (("deposits",), ("deposits",), True),
    ],
)
def test_a_path_lies_in_what_is_wanted(path: Path, wanted: tuple[str | None, ...], expected: bool) -> None:
    assert lies_in(path, wanted) is expected


def test_units_come_in_order_of_their_ids_those_without_one_last() -> None:
    paths: list[Path] = [(None, None, "m5"), ("b2", None, "m4"), ("b2", "t2", "m3"), ("b1", "t9", "m2"),
                         ("b2", "t2", "m1")]  # fmt: skip
    cells = [(path, Statement.empty("manager", "m", "2026-07")) for path in paths]

    def levels(depth: int) -> list[Path]:
        return [unit.path for unit in add_up(Book.MANAGER, JULY, cells, depth)]

    assert levels(1) == [("b1",), ("b2",), (None,)]
    assert levels(2) == [("b1", "t9"), ("b2", "t2"), ("b2", None), (None, None)]
    assert levels(3) == [("b1", "t9", "m2"), ("b2", "t2", "m1"), ("b2", "t2", "m3"), ("b2", None, "m4"),
                         (None, None, "m5")]  # fmt: skip


figures = st.integers(-(10**15), 10**15)
ids = st.one_of(st.none(), st.sampled_from("abc"))
stated = st.lists(
    st.tuples(st.tuples(ids, ids), st.dictionaries(st.sampled_from(Line), figures)), max_size=8
).map(
    lambda cells: [
        ((*above, f"m{number}"), state("manager", f"m{number}", JULY, [_row(*one) for one in lines.items()]))
        for number, (above, lines) in enumerate(cells)
    ]
)


def _row(line: Line, figure: int) -> dict[str, Any]:
    return {"line": line.value, "movement": figure, "stock": 2 * figure, "opening": figure,
            "by_10": figure // 3, "by_20": figure // 2}  # fmt: skip


@given(stated)
def test_every_level_has_the_same_total_and_each_unit_the_sum_of_those_below(
    cells: list[tuple[Path, Statement]],
) -> None:
    whole = total("manager", JULY, [one for _, one in cells])
    levels = [add_up(Book.MANAGER, JULY, cells, depth) for depth in (1, 2, 3)]
    for units in levels:
        assert total("manager", JULY, [unit.figures for unit in units]) == whole
    for upper, lower in pairwise(levels):
        for unit in upper:
            below = [one.figures for one in lower if one.path[:-1] == unit.path]
            assert below
            assert total("manager", JULY, below) == unit.figures
