"""Alerts that an operator can rely on: each is tested, rests on metrics that there are, and has its page."""

import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from shared.infrastructure.settings import SERVICES
from tests.support.alerts import PROMETHEUS, ROOT, RULES, RUNBOOKS, SECTIONS, alerts, command, runbook
from tests.support.prometheus import program

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def metrics() -> set[str]:
    """The names of all samples that the services can show."""
    for service in SERVICES:
        import_module(f"services.{service}.main")
    return {
        f"{metric.name}{suffix}" for metric in REGISTRY.collect() for suffix in SUFFIXES.get(metric.type, ())
    }


def test_prometheus_takes_configuration_and_rules() -> None:
    for arguments in (("config", PROMETHEUS / "prometheus.yml"), ("rules", *RULES)):
        subprocess.run([program("promtool"), "check", *map(str, arguments)], check=True, capture_output=True)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_should_and_not_when_all_is_well(file: Path) -> None:
    tried = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_prometheus_names_its_jobs_as_the_services_are_named() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [job["job_name"] for job in configuration["scrape_configs"]] == list(SERVICES)


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_is_tried_by_promtool(alert: str) -> None:
    named = re.compile(rf'alertname: {alert}\b|alertname="{alert}"')
    assert any(named.search(file.read_text()) for file in TESTS)


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_says_how_grave_it_is_and_where_to_read_on(alert: str) -> None:
    rule = alerts()[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert (ROOT / rule["annotations"]["runbook_url"]) == RUNBOOKS / f"{alert}.md"


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_has_a_page_that_says_how_to_look_and_what_ends_it(alert: str) -> None:
    assert tuple(runbook(alert)) == SECTIONS
    assert all(text.strip() for text in runbook(alert).values())
    for section in ("Look", "End it"):
        subprocess.run(["bash", "-n", "-c", command(alert, section)], check=True)


def test_there_is_no_page_without_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == set(alerts())


def test_every_metric_of_the_rules_is_one_of_the_services() -> None:
    named = {name for file in [*RULES, *TESTS] for name in re.findall(r"\bdualbook_\w+", file.read_text())}
    assert len(named) > len(alerts()) / 2
    assert named <= metrics()
