"""The dashboards as files: what the code says, what the SDK's models take, and what Grafana needs of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import FOLDER, dashboards, drifted, main
from tests.support.grafana import load, panels_of

BOARDS = {board["uid"]: board for board in load(FOLDER)}
SOURCES = {"prometheus", "assignment", "ledger", "appraisal"}
CHINESE = range(0x4E00, 0x9FFF)


def test_the_files_are_what_the_code_says() -> None:
    assert drifted() == [], "run: make dashboards"
    assert dashboards() == dashboards()


def test_drift_is_found_and_writing_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], tmp_path) == 1
    assert "drifted: bank-result.json" in capsys.readouterr().err
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "gone.json").write_text("{}")
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert not (tmp_path / "gone.json").exists()


@pytest.mark.parametrize("uid", BOARDS)
def test_the_models_of_the_sdk_take_every_byte(uid: str) -> None:
    register_default_plugins()
    model = Dashboard.from_json(BOARDS[uid])
    assert json.loads(json.dumps(model, cls=JSONEncoder)) == BOARDS[uid]
    queries = [query for panel in model.panels or [] for query in getattr(panel, "targets", None) or []]
    assert queries
    assert not any(isinstance(query, UnknownDataquery) for query in queries)


def test_a_field_that_no_model_knows_is_noticed() -> None:
    register_default_plugins()
    board = json.loads(json.dumps(BOARDS["dualbook-bank-result"]))
    board["panels"][1]["titel"] = "Efficiency"
    assert json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)) != board


@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_says_in_two_languages_what_it_shows(uid: str) -> None:
    board = BOARDS[uid]
    titles = [board["title"], *(panel["title"] for panel in board["panels"])]
    assert [title for title in titles if not any(ord(letter) in CHINESE for letter in title)] == []
    silent = [panel.name for panel in panels_of(board) if len(panel.content.get("description", "")) < 20]
    assert silent == []
    assert board["description"]


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_lie_beside_each_other_with_ids_of_their_own(uid: str) -> None:
    panels = BOARDS[uid]["panels"]
    ids = [panel["id"] for panel in panels]
    assert ids == sorted(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def provisioned() -> list[dict[str, Any]]:
    path = FOLDER.parent / "provisioning" / "datasources" / "dualbook.yaml"
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())["datasources"]
    return found


def test_every_query_goes_to_a_source_that_is_provisioned() -> None:
    sources = {one["uid"]: one["type"] for one in provisioned()}
    assert set(sources) == SOURCES
    for board in BOARDS.values():
        asked = [target["datasource"] for panel in panels_of(board) for target in panel.content["targets"]]
        asked += [one["datasource"] for one in board["templating"].get("list", []) if one["type"] == "query"]
        assert {one["uid"]: one["type"] for one in asked}.items() <= sources.items()


def test_no_secret_is_in_the_provisioning() -> None:
    for one in provisioned():
        assert one["url"].startswith("$DUALBOOK_")
        if one["uid"] != "prometheus":
            assert one["user"] == "$DUALBOOK_REPORTING_USER"
            assert one["secureJsonData"] == {"password": "$DUALBOOK_REPORTING_PASSWORD"}
            assert one["jsonData"]["database"] == one["uid"]
