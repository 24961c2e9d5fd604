"""
Figures in the text of Prometheus, by ``prometheus_client``, which is an extra.

It is imported when a scrape comes. Nothing is kept between two, and nothing gets into the registry
that the project may have.
"""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks.rollups import histograms
from boogie.apps.tasks.rollups.histograms import Histogram

from . import figures
from .figures import Figures

#: Buckets that are told, by their last of ours: 1, 2 and 5 of each decade, from a millisecond on
#: to a day. Ours end at 2.0 and 5.0, to a quarter of a percent.
PLACES = [10 * decade + place for decade in range(8) for place in (0, 3, 7)] + [80]
BOUNDS = [f"{(1, 2, 5)[n % 3] * 10 ** (n // 3) / 1000:g}" for n in range(len(PLACES))]

LABELS = ("task", "queue", "status")


def library() -> Any:
    """Return ``prometheus_client``, or raise ``ImproperlyConfigured``."""
    try:
        import prometheus_client.core
        import prometheus_client.exposition
    except ImportError as error:
        raise ImproperlyConfigured(
            "BOOGIE_TASKS['METRICS'] needs the package prometheus_client: "
            'pip install "django-boogie[prometheus]".'
        ) from error
    return prometheus_client


def scrape(accept: str) -> tuple[bytes, str]:
    """Return the text of all metrics as ``accept`` asks for it, and its content type."""
    client = library()
    registry = client.CollectorRegistry()
    registry.register(_Collector(figures.read()))
    encode, content_type = client.exposition.choose_encoder(accept)
    return encode(registry), content_type


class _Collector:
    """What a registry of ``prometheus_client`` asks for metrics."""

    def __init__(self, found: Figures) -> None:
        self._found = found

    def describe(self) -> list[Any]:
        """Return nothing: no other collector is in the registry."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield each metric."""
        yield from _gauges(self._found)
        yield from _counters(self._found)
        yield from _histograms(self._found)


def _gauges(found: Figures) -> Iterator[Any]:
    core = library().core
    rows = core.GaugeMetricFamily(
        "boogie_tasks_rows", "Rows that have not ended.", labels=LABELS
    )  # fmt: skip
    for key, number in sorted(found.rows.items()):
        rows.add_metric(key, number)
    yield rows
    oldest = core.GaugeMetricFamily(
        "boogie_tasks_oldest_due_seconds",
        "For how long the oldest row has waited that might run; 0: none does.",
        labels=["queue"],
    )
    for queue, seconds in sorted(found.oldest.items()):
        oldest.add_metric([queue], seconds)
    yield oldest
    yield core.GaugeMetricFamily("boogie_tasks_workers", "Workers that live.", value=found.workers)


def _counters(found: Figures) -> Iterator[Any]:
    core = library().core
    ended = core.CounterMetricFamily("boogie_tasks_ended", "Rows that ended.", labels=LABELS)
    for key, number in sorted(found.ended.items()):
        ended.add_metric(key, number)
    yield ended
    for name, text, number in (
        ("retries", "Retries of rows that have ended.", found.retries),
        ("losses", "Losses of workers by rows that have ended.", found.losses),
        ("ring_failures", "Failures to tell the broker of rows.", found.ring_failures),
    ):
        yield core.CounterMetricFamily(f"boogie_tasks_{name}", text, value=number)


def _histograms(found: Figures) -> Iterator[Any]:
    core = library().core
    run = core.HistogramMetricFamily(
        "boogie_tasks_run_seconds", "How long last attempts took.", labels=["task"]
    )
    wait = core.HistogramMetricFamily(
        "boogie_tasks_wait_seconds",
        "How long rows waited for their first attempt, from when they might have started.",
        labels=["task"],
    )
    for name, times in sorted(found.times.items()):
        run.add_metric([name], _buckets(times.runs), times.ran / 1e6)
        wait.add_metric([name], _buckets(times.waits), times.waited / 1e6)
    yield from (run, wait)


def _buckets(counts: Histogram) -> list[tuple[str, int]]:
    upper = histograms.up_to(counts, PLACES)
    return [*zip(BOUNDS, upper, strict=True), ("+Inf", sum(counts.values()))]
