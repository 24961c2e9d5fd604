"""The dashboard for Grafana, and the rules of the page: they ask for metrics that there are."""

import json
import re

import pytest
import yaml
from django.test import override_settings
from prometheus_client.parser import text_string_to_metric_families

from boogie.apps.tasks.metrics import exposition
from tests.docs.pages import ROOT
from tests.project.shop.models import Product
from tests.support.ends import count_at, ended
from tests.support.zones import datetime

pytestmark = pytest.mark.django_db

DASHBOARD = json.loads((ROOT / "docs/grafana.json").read_text())
PAGE = (ROOT / "docs/howto/prometheus.rst").read_text()
NOON = datetime(2026, 6, 15, 12, 0)

#: A metric in an expression, and the labels that are asked of it.
METRIC = re.compile(r"\b(boogie_tasks_\w+)(?:\{([^}]*)\})?")


@pytest.fixture
def served():
    """The names of all samples, each with its labels."""
    ended(Product.objects.create(name="pen"), NOON)
    count_at(NOON)
    with override_settings(BOOGIE_TASKS={"METRICS": True}):
        text = exposition.scrape("")[0].decode()
    families = text_string_to_metric_families(text)
    return {
        sample.name: set(sample.labels) for family in families for sample in family.samples
    }  # fmt: skip


def asked(expressions):
    """Names and labels that expressions ask for."""
    for expression in expressions:
        for name, labels in METRIC.findall(expression):
            yield name, set(re.findall(r"(\w+)\s*=~?", labels))
        for by in re.findall(r"by \(([^)]*)\)", expression):
            for name, _labels in METRIC.findall(expression):
                yield name, {label.strip() for label in by.split(",")}


def targets():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_for_metrics_and_labels_that_there_are(served):
    found = list(asked(targets()))
    assert len({name for name, _ in found}) >= 8
    for name, labels in found:
        assert labels <= served[name], name


def test_the_variables_of_the_dashboard_are_labels_and_are_used(served):
    text = json.dumps(DASHBOARD["panels"])
    for variable in DASHBOARD["templating"]["list"]:
        name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
        assert label in served[name]
        assert f"${variable['name']}" in text


def test_the_dashboard_can_be_imported_beside_any_prometheus():
    assert [each["name"] for each in DASHBOARD["__inputs"]] == ["DS_PROMETHEUS"]
    assert DASHBOARD["id"] is None
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == "${DS_PROMETHEUS}"
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def blocks():
    """The blocks of YAML on the page, read."""
    found = re.findall(r"code-block:: text\n\n((?:    .*\n|\n)+)", PAGE)
    return [yaml.safe_load(re.sub(r"(?m)^    ", "", block)) for block in found[1:]]


def test_the_alerts_of_the_page_ask_for_metrics_that_there_are(served):
    scrape, alerts = blocks()
    assert scrape["scrape_configs"][0]["metrics_path"] == "/tasks/metrics"
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    assert len(rules) == 4
    for name, labels in asked(rules):
        assert labels <= served[name], name


def test_every_metric_is_on_the_page(served):
    documented = {
        (name, frozenset(filter(None, labels.split(","))))
        for name, labels in re.findall(r"\* - ``(boogie_tasks_\w+)(?:\{([\w,]*)\})?``", PAGE)
    }
    families = {
        (re.sub(r"_(bucket|count|sum)$", "", name), frozenset(labels - {"le"}))
        for name, labels in served.items()
    }
    assert documented == {one for one in families if not one[0].endswith("_created")}
