"""Metrics explain themselves, keep their naming rule, and have labels that nobody can fill from outside."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

import services.appraisal.main
import services.assignment.main
import services.ledger.main
from services.ledger.views.readings import end_of
from shared.contracts.asyncapi import taken_up_by
from shared.infrastructure import metrics, store_readings
from shared.infrastructure.meters import CONSUMED, ConsumerMeter
from shared.infrastructure.metrics import Series, counter, gauge, histogram

SERVICES = (services.appraisal.main, services.assignment.main, services.ledger.main)
_OTHERS = ("python_", "process_")
"""What the client library measures of its own accord."""


def ours() -> Iterator[Metric]:
    """Everything that the services measure."""
    assert all(SERVICES), store_readings
    for metric in REGISTRY.collect():
        if not metric.name.startswith(_OTHERS):
            yield metric


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_every_metric_has_a_help_text_of_a_whole_sentence() -> None:
    sentence = re.compile(r"[A-Z0-9].{15,}\.")
    assert [metric.name for metric in ours() if not sentence.fullmatch(metric.documentation)] == []


def test_every_metric_keeps_the_naming_rule() -> None:
    rule = {
        "histogram": r"dualbook_[a-z_]+_(seconds|bytes|size)",
        "counter": r"dualbook_[a-z_]+",
        "gauge": r"dualbook_[a-z_]+",
    }
    wrong = [metric.name for metric in ours() if not re.fullmatch(rule[metric.type], metric.name)]
    assert wrong == []
    assert [
        metric.name for metric in ours() if metric.type == "gauge" and metric.name.endswith("_total")
    ] == []


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (counter, "dualbook_eggs"),
        (gauge, "eggs"),
        (histogram, "dualbook_eggs_total"),
        (counter, "eggs_total"),
    ],
)
def test_a_name_that_breaks_the_rule_is_refused(make: Callable[..., Any], name: str) -> None:
    with pytest.raises(ValueError, match=f'"{name}" must begin with dualbook_ and end in'):
        make(name, "Eggs that were laid.")


def test_the_same_labels_are_the_same_series_and_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    eggs = counter("dualbook_trial_eggs_total", "Eggs that were laid.", ("service", "hen"))
    series = Series(eggs, "farm")
    series["berta",].inc()
    monkeypatch.setattr(eggs, "labels", None)
    series["berta",].inc(2)
    assert sample("dualbook_trial_eggs_total", service="farm", hen="berta") == 3
    REGISTRY.unregister(eggs)


def test_types_that_a_service_does_not_take_up_count_as_other() -> None:
    topic = {"service": "ledger", "topic": "trial"}
    meter = ConsumerMeter("ledger")
    meter.worked(
        "trial", 5, 0.5, {("DepositPosted", "accepted"): 2, ("Spam", "refused"): 1, ("", "refused"): 2}
    )
    meter.worked("trial", 1, 0.5, {("MoreSpam", "refused"): 1})
    name = "dualbook_consumer_messages_total"
    assert sample(name, **topic, type="DepositPosted", outcome="accepted") == 2
    assert sample(name, **topic, type="other", outcome="refused") == 4
    types = {one.labels["type"] for metric in CONSUMED.collect() for one in metric.samples}
    assert types <= {*taken_up_by("ledger"), *taken_up_by("assignment"), *taken_up_by("appraisal"), "other"}


def test_a_transaction_is_observed_once_for_each_type_in_it() -> None:
    def observed(kind: str) -> float:
        return sample("dualbook_consumer_event_seconds_count", service="assignment", type=kind)

    before = observed("DepositPosted"), observed("other")
    messages = {
        ("DepositPosted", "accepted"): 7,
        ("DepositPosted", "refused"): 1,
        ("A", "refused"): 1,
        ("B", "refused"): 1,
    }
    ConsumerMeter("assignment").worked("trial", 10, 0.5, messages)
    assert (observed("DepositPosted"), observed("other")) == (before[0] + 1, before[1] + 1)


def test_a_service_takes_up_the_types_that_its_contract_says() -> None:
    assert {"DepositPosted", "CustomerAssigned"} < taken_up_by("ledger")
    assert "EntryBooked" not in taken_up_by("ledger")
    assert taken_up_by("jars") == frozenset()


def test_a_month_ends_at_midnight_of_the_bank() -> None:
    assert end_of(202609) == 1790784000.0  # 2026-09-30T16:00:00Z
    assert end_of(202612) - end_of(202611) == 31 * 86400


def test_what_is_exposed_is_text_for_prometheus() -> None:
    text, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    assert b"# HELP dualbook_watch_broken 1 where" in text
