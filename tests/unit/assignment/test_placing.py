"""Customers are spread by least load, and nobody gets more than authority and capacity allow."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.grade import Grade
from services.assignment.domain.load import Burden
from services.assignment.domain.placing import Portion, Room, Seat, place, rooms, text_of, units_of
from services.assignment.domain.policy import Policies
from services.assignment.domain.standing import Career, Status
from tests.support.staff import capacity, standing

DAY = date(2026, 3, 1)
NEXT_WEEK = DAY + timedelta(days=7)
USUAL = Career((standing(),))


def load(units: str) -> int:
    return units_of(Decimal(units))


def portion(customer_id: str, weight: str = "1", ends: date | None = None, **terms: object) -> Portion:
    return Portion(
        customer_id, load(weight), str(terms.get("tier", "silver")), ends, bool(terms.get("leads", True))
    )


def pool(limit: str = "3", policies: Policies | None = None, /, **burdens: Sequence[Burden]) -> list[Room]:
    """Managers with these burdens, of a grade with that capacity."""
    careers = dict.fromkeys(burdens, USUAL)
    return list(rooms(DAY, policies or capacity(limit), careers, burdens).values())


def ever(units: str, since: date = DAY) -> Burden:
    return Burden(since, None, Decimal(units))


def test_the_smallest_load_comes_first_and_of_equals_the_smaller_id() -> None:
    managers = pool("9", m1=[ever("1")], m2=[], m3=[])
    assert place([portion(f"c{n}") for n in range(4)], managers) == {
        "c0": "m2",
        "c1": "m3",
        "c2": "m1",
        "c3": "m2",
    }


def test_loads_are_compared_across_customers_who_differ() -> None:
    customers = [portion(f"c{n}", ends=NEXT_WEEK if n % 2 else None) for n in range(1, 5)]
    assert place(customers, pool("9", m1=[], m2=[])) == {"c1": "m1", "c2": "m2", "c3": "m1", "c4": "m2"}


def test_big_ones_find_room_before_small_ones() -> None:
    placed = place(
        [portion("c1", "1"), portion("c2", "2"), portion("c3", "1")], pool("2", m1=[], m2=[ever("1")])
    )
    assert placed == {"c2": "m1", "c1": "m2", "c3": None}


def test_a_load_still_to_come_takes_room_from_what_lasts_until_then() -> None:
    managers = pool("2", m1=[ever("2", NEXT_WEEK)])
    assert place([portion("c1", "2", NEXT_WEEK)], managers) == {"c1": "m1"}
    assert place([portion("c1", "2", NEXT_WEEK + timedelta(days=1))], managers) == {"c1": None}
    assert place([portion("c1", "1"), portion("c2", "1", NEXT_WEEK)], managers) == {"c1": None, "c2": "m1"}


def test_a_load_that_ends_leaves_room_only_for_what_comes_later() -> None:
    managers = pool("2", m1=[Burden(DAY - timedelta(days=9), NEXT_WEEK, Decimal(2))])
    assert place([portion("c1", "1")], managers) == {"c1": None}


def test_what_ends_is_added_up_until_its_end() -> None:
    [room] = pool("9", m1=[])
    seat = Seat(room)
    for ends in (NEXT_WEEK, DAY + timedelta(days=3), NEXT_WEEK, None):
        seat.add(load("2"), ends)
    assert seat.load == load("8")
    assert seat.has_room(portion("c1", "1"))
    assert not seat.has_room(portion("c1", "2"))
    assert not Seat(room).has_room(portion("c1", "10"))
    seat.add(load("-8"), DAY + timedelta(days=3))
    assert seat.load == 0
    assert seat.has_room(portion("c1", "9", DAY + timedelta(days=3)))
    assert not seat.has_room(portion("c1", "9", NEXT_WEEK))


@pytest.mark.parametrize(
    ("career", "fit"),
    [
        (USUAL, True),
        (Career((standing(DAY + timedelta(days=1)),)), False),
        (Career((standing(status=Status.ON_LEAVE),)), False),
        (Career((standing(sworn=False),)), False),
        (Career((standing(grade=Grade.TRAINEE),)), False),
        (Career((standing(grade=Grade.ASSISTANT),)), False),
        (Career((standing(), standing(NEXT_WEEK, Status.DEPARTED))), False),
    ],
)
def test_only_who_is_there_at_work_sworn_and_of_a_grade_that_may_takes_a_private_customer(
    career: Career, fit: bool
) -> None:
    managers = rooms(DAY, Policies(), {"m1": career}, {}).values()
    assert place([portion("c1", tier="private")], managers) == {"c1": "m1" if fit else None}


def test_who_does_not_lead_may_be_of_any_grade_that_holds() -> None:
    managers = rooms(DAY, Policies(), {"m1": Career((standing(grade=Grade.ASSISTANT),))}, {}).values()
    assert place([portion("c1", tier="private", leads=False)], managers) == {"c1": "m1"}


def test_who_departs_may_take_what_ends_by_then() -> None:
    career = Career((standing(), standing(NEXT_WEEK, Status.DEPARTED)))
    managers = list(rooms(DAY, Policies(), {"m1": career}, {}).values())
    assert place([portion("c1", ends=NEXT_WEEK)], managers) == {"c1": "m1"}
    assert place([portion("c1", ends=NEXT_WEEK + timedelta(days=1))], managers) == {"c1": None}


def test_loads_are_exact_to_the_last_place() -> None:
    assert [text_of(load(one)) for one in ("0", "100", "0.5", "0.0000000001", "1200.10")] == [
        "0", "100", "0.5", "0.0000000001", "1200.1",
    ]  # fmt: skip


PORTIONS = st.lists(
    st.builds(
        Portion,
        st.integers(0, 99).map(lambda number: f"c{number:02d}"),
        st.sampled_from(["0", "0.5", "1", "2"]).map(load),
        st.sampled_from(["silver", "private"]),
        st.sampled_from([None, DAY + timedelta(days=3), NEXT_WEEK]),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda one: one.customer_id,
)
BURDENS = st.lists(
    st.builds(
        Burden,
        st.sampled_from([DAY, NEXT_WEEK]),
        st.sampled_from([None, NEXT_WEEK + timedelta(days=7)]),
        st.sampled_from([Decimal("0.5"), Decimal(1)]),
    ),
    max_size=2,
)
CAREERS = st.sampled_from(
    [
        USUAL,
        Career((standing(grade=Grade.ASSISTANT),)),
        Career((standing(status=Status.ON_LEAVE),)),
        Career((standing(), standing(NEXT_WEEK, Status.DEPARTED))),
    ]
)
MANAGERS = st.dictionaries(st.sampled_from(["m1", "m2", "m3", "m4"]), st.tuples(CAREERS, BURDENS))


def slowly(portions: Sequence[Portion], managers: Sequence[Room]) -> dict[str, str | None]:
    """The same by asking everybody for each customer, over days one by one."""
    days = [DAY + timedelta(days=number) for number in range(30)]
    loads = {
        room.manager_id: [max(step for step in room.steps if step[0] <= day)[1] for day in days]
        for room in managers
    }
    placed: dict[str, str | None] = {}
    for one in sorted(portions, key=lambda one: (-one.load, one.customer_id)):
        lasting = [index for index, day in enumerate(days) if one.ends is None or day < one.ends]
        free = [
            room.manager_id
            for room in managers
            if room.may_take(one)
            and all(loads[room.manager_id][index] + one.load <= room.capacity for index in lasting)
        ]
        chosen = min(free, key=lambda manager_id: (loads[manager_id][0], manager_id), default=None)
        placed[one.customer_id] = chosen
        for index in lasting if chosen is not None else ():
            loads[str(chosen)][index] += one.load
    return placed


@given(PORTIONS, MANAGERS, st.randoms())
def test_placing_is_what_asking_everybody_would_give_in_any_order(portions, managers, dice) -> None:  # type: ignore[no-untyped-def]
    careers = {manager_id: career for manager_id, (career, _) in managers.items()}
    burdens = {manager_id: own for manager_id, (_, own) in managers.items()}
    found = list(rooms(DAY, capacity("2"), careers, burdens).values())
    expected = slowly(portions, found)
    dice.shuffle(portions)
    dice.shuffle(found)
    assert place(portions, found) == expected
