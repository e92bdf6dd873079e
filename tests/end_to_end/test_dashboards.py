"""Every query of every panel, against real PostgreSQL and real Prometheus, on a bank that has something of every kind;
and the figures that they show are those of the HTTP API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from deploy.grafana.__main__ import FOLDER
from shared.infrastructure.database import url_of
from shared.infrastructure.reporting_schema import ROLE
from shared.infrastructure.settings import SERVICES
from tests.end_to_end.showcase import QUARTER, Showcase
from tests.support.grafana import Grafana, connected, load, money, panels_of, put_in
from tests.support.prometheus import program, running_prometheus
from tests.support.system import BOOKS, System, running_system

pytestmark = pytest.mark.timeout(1200)

BOARDS = {board["uid"]: board for board in load(FOLDER)}


@dataclass
class Morning:
    """The bank as management finds it, and Grafana's way to its figures."""

    system: System
    bank: Showcase
    grafana: Grafana


@pytest.fixture(scope="session")
async def morning(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Morning]:
    """Prometheus looks on while the bank is filled; PostgreSQL is read by somebody who has the role and no more."""
    program("prometheus")
    folder, started = tmp_path_factory.mktemp("morning"), datetime.now(UTC)
    async with (
        running_system(folder, "embedded") as system,
        running_prometheus(folder / "prometheus", system.services.urls) as prometheus,
    ):
        bank = Showcase(system)
        await bank.fill()
        await system.execute("ledger", f"CREATE ROLE grafana LOGIN IN ROLE {ROLE}")
        addresses = {
            name: url_of(system.server.url, name)
            .set(drivername="postgresql", username="grafana")
            .render_as_string(hide_password=False)
            for name in SERVICES
        }
        async with connected(addresses) as databases:
            yield Morning(system, bank, Grafana(databases, prometheus.client, started, await _choices(bank)))


async def _choices(bank: Showcase) -> dict[str, str]:
    """The period and the manager of whom there is everything to see."""
    place = "SELECT branch_id, team_id FROM reporting.manager WHERE manager_id = $1"
    [(branch, team)] = await bank.system.rows("assignment", place, bank.manager)
    chosen = {"branch": branch, "team": team, "manager": bank.manager}
    return {**chosen, "period": QUARTER, "department": "lending", "cycle": QUARTER}


@pytest.mark.parametrize("uid", BOARDS)
async def test_every_panel_finds_what_it_shows(morning: Morning, uid: str) -> None:
    board = BOARDS[uid]
    variables = await morning.grafana.variables(board)
    wrong = {}
    for panel in panels_of(board):
        if found := await morning.grafana.ask(board, panel, variables):
            wrong[panel.name] = found
    assert wrong == {}


async def test_a_panel_that_finds_nothing_is_noticed(morning: Morning) -> None:
    board = BOARDS["dualbook-bank-result"]
    panel = next(panels_of(board))
    variables = {"period": ("1999-01", "199901-199901")}
    [target] = panel.content["targets"]
    target = {**target, "rawSql": target["rawSql"] + " HAVING false"}
    empty = type(panel)(panel.board, {**panel.content, "targets": [target]})
    assert await morning.grafana.ask(board, empty, variables) == "no data"
    broken = type(panel)(
        panel.board, {**panel.content, "targets": [{**target, "rawSql": "SELECT * FROM event"}]}
    )
    assert "event" in await morning.grafana.ask(board, broken, variables)


async def shown(morning: Morning, uid: str, title: str) -> list[dict[str, Any]]:
    """What a panel of one SQL query shows, row by row."""
    board = BOARDS[uid]
    [panel] = [one for one in panels_of(board) if one.content["title"].startswith(title)]
    [target] = panel.content["targets"]
    query = put_in(target["rawSql"], await morning.grafana.variables(board))
    frame = await morning.grafana.sql(target["datasource"]["uid"], query)
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.rows]


async def test_the_bank_result_is_the_reconciliation_to_the_fen(morning: Morning) -> None:
    stated = await morning.system.get("ledger", "/v1/reconciliation", period=QUARTER)
    figures = ("manager_total", "department_total", "difference")
    rows = await shown(morning, "dualbook-bank-result", "Each line in both books")
    assert stated["balanced"] is True
    assert any(one["manager_total"] != "0.00" for one in stated["lines"])
    assert [{"line": row["line"], **{name: money(row[name]) for name in figures}} for row in rows] == stated[
        "lines"
    ]
    total = (await morning.system.get("ledger", "/v1/books/manager/statements", period=QUARTER))["total"][
        "measures"
    ]
    for measure, title in (
        ("net_interest_income", "Net interest"),
        ("virtual_profit", "Virtual profit"),
        ("efficiency", "Efficiency 效益"),
    ):
        [row] = await shown(morning, "dualbook-bank-result", title)
        assert money(row[measure]) == total[measure]


async def test_a_waterfall_ends_where_the_result_is(morning: Morning) -> None:
    for uid, book, centre in (
        ("manager", "manager", morning.bank.manager),
        ("department", "department", "lending"),
    ):
        path = f"/v1/books/{book}/centres/{centre}/statement"
        stated = await morning.system.get("ledger", path, period=QUARTER)
        *steps, last = await shown(morning, f"dualbook-{uid}", "Waterfall")
        assert money(last["total"] + last["total_below"]) == stated["measures"]["efficiency"]
        assert last["base"] == last["base_below"] == 0
        heights = [one["plus"] - one["plus_below"] - one["minus"] + one["minus_below"] for one in steps]
        assert sum(heights) == last["total"] + last["total_below"]
        assert all(
            one[f"{kind}_below"] <= 0 <= one[kind] for one in steps for kind in ("base", "plus", "minus")
        )


async def test_branches_and_departments_are_those_of_the_hierarchies(morning: Morning) -> None:
    for title, book, level in (
        ("Branches", "manager", "branch"),
        ("Departments", "department", "department"),
    ):
        stated = await morning.system.get(
            "ledger", f"/v1/books/{book}/hierarchy", period=QUARTER, level=level
        )
        rows = await shown(morning, "dualbook-bank-result", title)
        found = {row[f"{level}_id"]: money(row["efficiency"]) for row in rows}
        assert found == {one["id"] or "unassigned": one["measures"]["efficiency"] for one in stated["items"]}


async def test_the_views_state_what_the_ledger_states(morning: Morning) -> None:
    query = """
        SELECT book::text, centre_id, line::text, balance, ten_day_average FROM reporting.stock WHERE month = 202603
    """
    frame = await morning.grafana.sql("ledger", query)
    found = {(book, centre, line): (money(end), money(mean)) for book, centre, line, end, mean in frame.rows}
    expected = {}
    for book in BOOKS:
        stated = await morning.system.get("ledger", f"/v1/books/{book}/statements", period="2026-03")
        for one in stated["items"]:
            for line, end in one["stocks"].items():
                expected[book, one["centre_id"], line] = (end, one["averages"][line])
    assert len(found) > 10
    assert found == {key: amounts for key, amounts in expected.items() if key in found}
    assert {key for key, amounts in expected.items() if amounts[0] != "0.00"} <= set(found)


async def test_load_capacity_and_visits_are_those_of_the_assignment_service(morning: Morning) -> None:
    frame = await morning.grafana.sql(
        "assignment", "SELECT manager_id, load, capacity, customers FROM reporting.manager"
    )
    stated = await morning.system.get("assignment", "/v1/loads", limit="100")
    assert {row[0]: (float(row[1]), float(row[2]), row[3]) for row in frame.rows} == {
        one["manager_id"]: (float(one["load"]), float(one["capacity"]), one["customers"])
        for one in stated["items"]
    }
    frame = await morning.grafana.sql(
        "assignment", "SELECT customer_id FROM reporting.visit_due WHERE is_due"
    )
    due = await morning.system.get("assignment", "/v1/visits/due", limit="1000")
    assert {row[0] for row in frame.rows} == {
        one["customer_id"] for one in due["items"] if one["kind"] == "visit"
    }


async def test_links_lead_from_the_bank_to_the_legs(morning: Morning) -> None:
    board = BOARDS["dualbook-manager"]
    variables = await morning.grafana.variables(board)
    [panel] = [one for one in panels_of(board) if one.content["title"].startswith("Statement")]
    [link] = [
        prop["value"][0]["url"]
        for override in panel.content["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "links"
    ]
    row = next(row for row in await shown(morning, board["uid"], "Statement") if row["amount"])
    path = put_in(link.replace("${__data.fields.line}", row["line"]), {**variables, "ledger_api": ("", "")})
    address, _, query = path.partition("?")
    legs = await morning.system.get("ledger", address, **dict(parse_qsl(query)), limit="1000")
    assert legs["next"] is None
    assert sum(round(float(leg["amount"]) * 100) for leg in legs["items"]) == round(row["amount"] * 100)
    uids = set(BOARDS)
    linked = {part.split("?")[0] for one in BOARDS.values() for part in str(one).split("/d/")[1:]}
    assert {"dualbook-manager", "dualbook-department"} <= linked <= uids
