"""The last line of defence: the database itself refuses books out of balance and any change of history."""

import asyncpg
import pytest

from tests.integration.ledger.bank import Bank

LEG = (
    "INSERT INTO leg (shard, position, number, book, line, centre_id, contra, amount, business_date, period, "
    "product_code, department_id) VALUES "
)


def leg(number: int, book: str, centre: str, contra: bool, amount: int, line: str = "fee_income") -> str:
    """One leg of an entry 7/99999 that no event tells of."""
    return (
        f"(7, 99999, {number}, '{book}', '{line}', '{centre}', {contra}, {amount}, '2026-07-09', 202607, "
        "'AGT', 'intermediary')"
    )


GOOD = (
    leg(1, "manager", "m1", False, 500),
    leg(2, "manager", "external", True, -500),
    leg(3, "department", "intermediary", False, 500),
    leg(4, "department", "external", True, -500),
)
OUT_OF_BALANCE = {
    "a pair that does not sum to zero": (GOOD[0], leg(2, "manager", "external", True, -499), *GOOD[2:]),
    "a leg without its contra leg": (GOOD[0], *GOOD[2:]),
    "a pair in one book only": GOOD[:2],
    "books of different totals": (
        *GOOD[:2],
        leg(3, "department", "intermediary", False, 501),
        leg(4, "department", "external", True, -501),
    ),
    "lines that make up for each other": (
        GOOD[0],
        leg(2, "manager", "external", True, -500, line="direct_cost"),
        GOOD[2],
        leg(4, "department", "external", True, -500, line="direct_cost"),
    ),
}


@pytest.mark.parametrize("legs", OUT_OF_BALANCE.values(), ids=OUT_OF_BALANCE)
async def test_legs_out_of_balance_are_refused_with_the_entry_named(
    july: Bank, legs: tuple[str, ...]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=r"entry 7/99999 is out of balance on line \w+"):
        await july.service.execute(LEG + ", ".join(legs))
    assert await july.service.rows("SELECT * FROM leg WHERE position = 99999") == []


async def test_one_entry_out_of_balance_among_good_ones_is_found(july: Bank) -> None:
    other = [one.replace("(7, 99999,", "(7, 99998,") for one in GOOD]
    with pytest.raises(asyncpg.CheckViolationError, match="entry 7/99999"):
        await july.service.execute(LEG + ", ".join([*other, *GOOD[:3]]))


async def test_legs_in_balance_are_taken(own_bank: Bank) -> None:
    await own_bank.service.execute(LEG + ", ".join(GOOD))
    assert len(await own_bank.service.rows("SELECT * FROM leg WHERE position = 99999")) == 4


@pytest.mark.parametrize("table", ["event", "leg"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET position = position",
        "UPDATE {} SET business_date = business_date + 1 WHERE shard = 5",
        "DELETE FROM {}",
        "DELETE FROM {} WHERE false",
        "TRUNCATE {}",
        "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT (shard, position{1}) DO UPDATE SET position = 0",
    ],
)
async def test_history_is_never_edited(july: Bank, table: str, change: str) -> None:
    before = await july.service.rows(f"SELECT * FROM {table} ORDER BY shard, position")
    statement = change.format(table, ", number" if table == "leg" else "")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=f"table {table} is append-only"):
        await july.service.execute(statement)
    assert await july.service.rows(f"SELECT * FROM {table} ORDER BY shard, position") == before


async def test_an_amount_of_zero_is_no_leg(july: Bank) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="leg_amount_check"):
        await july.service.execute(LEG + ", ".join([*GOOD, leg(5, "manager", "m2", False, 0)]))


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({}, "event_pkey"),
        ({"position": "position + 1000"}, "event_is_known_once"),
        ({"position": "position + 1000", "event_id": "event_id || 'x'"}, "stream_has_one_history"),
    ],
)
async def test_a_place_an_id_and_a_version_are_there_once(
    july: Bank, changed: dict[str, str], constraint: str
) -> None:
    rows = await july.service.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'event' ORDER BY ordinal_position"
    )
    columns = ", ".join(changed.get(name, name) for (name,) in rows)
    with pytest.raises(asyncpg.UniqueViolationError, match=constraint):
        await july.service.execute(f"INSERT INTO event SELECT {columns} FROM event WHERE event_id = 'e1'")
