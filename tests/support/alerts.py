"""The alert rules and their runbooks, as files of the repository."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RUNBOOKS = ROOT / "deploy/runbooks"
SECTIONS = ("What it means", "Who is concerned", "Look", "End it", "It is over when", "Do not")

_QUICK: Mapping[str, tuple[str, str]] = {
    "ConsumerLag": ("> 1000", "> 500"),
    "RelayStuck": ("> 120", "> 3"),
    "WatchSilent": ("> 600", "> 40"),
    "FiguresStale": ("> 120", "> 25"),
}
"""Of alerts that go by how long or how much something waits: what their rules say, and what those of a drill do."""

_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
_COMMAND = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def groups() -> list[dict[str, Any]]:
    """All groups of rules."""
    return [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The rules by the name of their alert."""
    return {rule["alert"]: rule for group in groups() for rule in group["rules"]}


def runbook(alert: str) -> Mapping[str, str]:
    """The sections of an alert's page."""
    _, *parts = _SECTION.split((RUNBOOKS / f"{alert}.md").read_text())
    return dict(zip(parts[::2], parts[1::2], strict=True))


def command(alert: str, section: str) -> str:
    """The one command of a section of an alert's page."""
    [found] = _COMMAND.findall(runbook(alert)[section])
    return str(found)


def quick_rules(folder: Path, disk_free_at_least: float) -> Path:
    """The same rules in a file of its own, for a drill: they judge by seconds instead of minutes, and by how much of
    this machine's disk should be free."""
    found = groups()
    replaced = {**_QUICK, "DiskFull": ("< 0.10", f"< {disk_free_at_least:.6f}")}
    for rule in (rule for group in found for rule in group["rules"]):
        old, new = replaced.get(rule["alert"], ("", ""))
        assert old in rule["expr"], rule
        rule["expr"] = rule["expr"].replace(old, new).replace("[5m]", "[20s]")
        rule.pop("for", None)
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": found}, allow_unicode=True))
    return file
