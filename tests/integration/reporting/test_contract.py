"""The reporting views are a contract: what they have is in ``deploy/contracts/reporting.json``, and said in words."""

from pathlib import Path

import orjson
import pytest

from deploy.local.contracts import FOLDER
from deploy.local.reporting import FILE, Views, broken, compare, described
from shared.infrastructure.migrate import STORE_MIGRATIONS
from shared.infrastructure.settings import SERVICES
from tests.support.databases import fresh_database
from tests.support.system import DEFINITIONS

MIGRATIONS = {
    service: Path(__file__).parents[3] / "services" / service / "migrations" for service in DEFINITIONS
}


@pytest.fixture(scope="module")
async def views(postgres_url: str) -> Views:
    """All of them, as databases with every migration have them."""
    found: Views = {}
    for service in SERVICES:
        async with (
            fresh_database(postgres_url, [STORE_MIGRATIONS, MIGRATIONS[service]]) as database,
            database.read() as connection,
        ):
            found |= await described(connection, service)
    return found


def test_the_checked_in_description_is_what_the_databases_have(views: Views) -> None:
    present = orjson.loads((FOLDER / FILE).read_bytes())
    assert broken(present, views) == []
    assert compare(views, FOLDER / FILE, check=True, breaking=False) == 0, (
        "run: python -m deploy.local.reporting"
    )


def test_every_view_and_every_column_is_explained(views: Views) -> None:
    silent = [name for name, view in views.items() if not view["description"]]
    silent += [
        f"{name}.{column}"
        for name, view in views.items()
        for column, said in view["properties"].items()
        if not said["description"]
    ]
    assert silent == []


def test_money_has_two_places_and_says_its_unit(views: Views) -> None:
    columns = {
        f"{name}.{column}": said
        for name, view in views.items()
        for column, said in view["properties"].items()
    }
    money = {name for name, said in columns.items() if said["type"] == "numeric(20,2)"}
    in_units = {name for name, said in columns.items() if said["description"].endswith("currency units")}
    assert len(money) > 50
    assert {name for name in money if "in currency units" not in columns[name]["description"]} == set()
    assert in_units <= money


def test_personal_data_and_texts_are_in_no_view(views: Views) -> None:
    columns = {column for view in views.values() for column in view["properties"]}
    assert not columns & {
        "sealed",
        "sealed_answer",
        "sealed_reason",
        "text",
        "reason",
        "key",
        "data",
        "grounds",
    }
    assert "suspicion" not in {name.partition(".")[2] for name in views}


def test_a_column_that_goes_or_changes_breaks_and_one_that_comes_does_not(
    views: Views, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / FILE
    assert compare(views, file, check=False, breaking=False) == 0
    changed: Views = orjson.loads(orjson.dumps(views))
    columns = changed["ledger.statement"]["properties"]
    columns["headcount"] = {"type": "bigint", "description": "Managers"}
    assert compare(changed, file, check=False, breaking=False) == 0
    columns["fees"] = columns.pop("fee_income")
    columns["month"] = {"type": "text", "description": "Month"}
    del changed["ledger.loan"]
    capsys.readouterr()
    assert compare(changed, file, check=True, breaking=False) == 1
    said = capsys.readouterr().err
    for what in (
        "ledger.statement.fee_income: removed",
        "ledger.statement.month: type narrowed, no longer integer",
        "ledger.loan: the view is gone",
        "drifted: reporting.json",
    ):
        assert what in said
    assert compare(changed, file, check=False, breaking=False) == 1
    assert compare(changed, file, check=False, breaking=True) == 0
    assert compare(changed, file, check=True, breaking=False) == 0
