"""
Whole pages, as a browser asks for them: which there are, what each costs.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.live import access, tokens

from . import cast, reads

TIMES, WARM = 7, 2

#: Widgets of a page that asks for their state.
WIDGETS = 50

STATUSES = ["", *(str(status) for status, _ in states.STATUS)]

#: A name, and what asks for the page.
Page = tuple[str, Callable[[], Any]]


@dataclass(frozen=True)
class Cost:
    """Of a page: medians of milliseconds, altogether, of Python's CPU, in the database."""

    wall: float
    cpu: float
    database: float
    queries: int


@dataclass(frozen=True)
class Pages:
    """The pages of a table of which ``sample`` has some rows, for a client who is logged in."""

    client: Client
    sample: reads.Sample

    def all(self) -> Iterator[Page]:
        """Yield every kind of page."""
        yield from self.tabs()
        yield from self.searches()
        yield from self.filters()
        yield from self.rows()
        yield from self.objects()
        yield from self.others()
        yield from self.scrapes()
        yield from self.verbs()
        yield from self.live()

    def tabs(self) -> Iterator[Page]:
        """Yield the ends and the midst of each tab."""
        for status in STATUSES:
            given, middle = {"status": status}, self.sample.middles[status or None]
            yield f"list, {status or 'all'}: first page", self.listing(**given)
            yield (
                f"list, {status or 'all'}: in the midst",
                self.listing(after=middle.pk.hex, **given),
            )
            yield f"list, {status or 'all'}: last page", self.listing(before="end", **given)

    def searches(self) -> Iterator[Page]:
        """Yield searches of every kind, with a hit and without one."""
        row, failed = self.sample.newest, self.sample.failed
        hits = {
            "id": str(row.pk),
            "beginning of an id": row.pk.hex[:10],
            "end of an id": row.pk.hex[-8:],
            "end of an old id": self.sample.middles[None].pk.hex[-8:],
            "task": cast.names()[0],
            "part of a task's name": "clean",
            "retired task": cast.RETIRED["name"],
            "object": _reference(row),
            "worker": self.sample.middles[states.RUNNING].worker,
            "type of error": failed.error_type,
            "last part of a type of error": failed.error_type.rpartition(".")[2],
        }
        misses = {
            "id": "0" * 32,
            "beginning of an id": "abcdef",
            "end of an id": "abcdef01",
            "object": f"{_reference(row).partition(':')[0]}:{2**30}",
            "dotted name": "nowhere.to.be.found",
            "worker": "celery@nowhere/1",
            "word": "nonsense",
        }
        for title, texts in (("hit", hits), ("miss", misses)):
            for what, text in texts.items():
                yield f"search, {title}: {what}", self.listing(q=text)

    def filters(self) -> Iterator[Page]:
        """Yield each filter, alone and within the tabs, from both ends."""
        for what, given in reads.choices(self.sample).items():
            for status in reads.WITH:
                name, of = f"filter, {status or 'all'}: {what}", {**given, "status": status or ""}
                yield f"{name}, first page", self.listing(**of)
                yield f"{name}, last page", self.listing(before="end", **of)

    def rows(self) -> Iterator[Page]:
        """Yield pages of single rows."""
        of = {
            "the newest": self.sample.newest.pk,
            "a failed one": self.sample.failed.pk,
            "one that runs": self.sample.middles[states.RUNNING].pk,
            "one with children": self.sample.parent,
            "an old one": self.sample.middles[None].pk,
        }
        for what, key in of.items():
            yield f"row: {what}", self._get("boogie_tasks_task_change", key)

    def objects(self) -> Iterator[Page]:
        """Yield pages of objects: with some rows, and with more than any other has."""
        busy = Counter(
            Task.objects.order_by("-pk").values_list("content_type_id", "object_id")[:1000]
        )
        newest = self.sample.newest
        found = {
            "with some rows": (newest.content_type_id, newest.object_id),
            "with most rows": busy.most_common(1)[0][0],
        }
        for what, (kind, key) in found.items():
            model = ContentType.objects.get_for_id(kind).model
            yield f"object: {what}", self._get(f"shop_{model}_change", key)

    def others(self) -> Iterator[Page]:
        """Yield the pages that are about no single row."""
        yield "failures: open", self._get("boogie_tasks_failures")
        yield "failures: of the week", self._get("boogie_tasks_failures", show="all")
        yield "workers", self._get("boogie_tasks_workers")
        for range_ in ("1h", "24h", "7d", "30d"):
            yield f"dashboard: {range_}", self._get("boogie_tasks_dashboard", range=range_)
            of_task = {"range": range_, "task": cast.names()[0]}
            yield f"dashboard: {range_}, a task", self._get("boogie_tasks_dashboard", **of_task)

    def scrapes(self) -> Iterator[Page]:
        """Yield what Prometheus asks for."""
        yield "metrics: a scrape", partial(self.client.get, reverse("boogie_tasks:metrics"))

    def verbs(self) -> Iterator[Page]:
        """Yield pages that ask whether to go on, for all rows that match and for some."""
        rare, busy = cast.names()[-1], cast.names()[0]
        keys = [row.pk for row in reads.tab(states.FAILED)[:50]]
        yield "confirm: delete all", self._ask("delete")
        yield "confirm: cancel all", self._ask("cancel")
        yield "confirm: retry all failed", self._ask("retry", status=states.FAILED)
        yield "confirm: retry, a rare task", self._ask("retry", task=rare)
        yield "confirm: delete, a busy task", self._ask("delete", task=busy)
        yield "confirm: delete, no such queue", self._ask("delete", queue="nowhere")
        yield "confirm: acknowledge 50", self._ask("acknowledge", keys)

    def live(self) -> Iterator[Page]:
        """Yield what open pages go on to ask."""
        rows = list(Task.objects.order_by("-pk")[:WIDGETS])
        of_rows = [tokens.for_row(row.pk) for row in rows]
        of_objects = [tokens.for_object(_watched(row)) for row in rows]
        address = reverse("boogie_tasks:state")
        for what, given in (("rows", of_rows), ("objects", of_objects)):
            query = urlencode({"token": given}, doseq=True)
            yield f"state: {WIDGETS} {what}", partial(self.client.get, f"{address}?{query}")
            request = RequestFactory().get(f"{address}?{query}")
            yield f"events, one look: {WIDGETS} {what}", partial(_look, request)

    # --- how they are asked for ---------------------------------------------------------

    def _get(self, name: str, *args: Any, **params: str) -> Callable[[], Any]:
        return partial(self.client.get, reverse(f"admin:{name}", args=args), params)

    def listing(self, **params: str) -> Callable[[], Any]:
        """Return what asks for a list."""
        return self._get("boogie_tasks_task_changelist", **params)

    def _ask(self, verb: str, keys: Any = (), **params: str) -> Callable[[], Any]:
        address = reverse("admin:boogie_tasks_task_changelist")
        picked = list(map(str, keys)) or [str(self.sample.newest.pk)]
        across = "0" if keys else "1"
        data = {"action": verb, "_selected_action": picked, "select_across": across, "index": "0"}
        return partial(self.client.post, f"{address}?{urlencode(params)}", data)


def _reference(row: Task) -> str:
    kind = row.content_type
    return f"{kind.app_label}.{kind.model}:{row.object_id}"


def _watched(row: Task) -> tokens.Watched:
    """Return the object of a row, as a widget watches it."""
    model: Any = row.content_type.model_class()
    return tokens.Watched(tokens.label_of(model), row.object_id, row.object_db, 5)


def _look(request: Any) -> None:
    access.watch(request).look()


# --- measuring ------------------------------------------------------------------------


def opened() -> Any:
    """Return settings under which the pages are there; and for whom the client is."""
    return override_settings(
        ROOT_URLCONF="bench.million.site",
        ALLOWED_HOSTS=["*"],
        LANGUAGE_CODE="en",
        BOOGIE_TASKS={"METRICS": True},
    )


def client() -> Client:
    """Return a client who is logged in and may do everything."""
    found = Client()
    found.force_login(get_user_model().objects.get(username="admin"))
    return found


class Watch:
    """Adds up the statements of a page, and their time."""

    def __init__(self) -> None:
        self.seconds, self.queries = 0.0, 0

    def __call__(self, execute: Any, *args: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(*args)
        finally:
            self.seconds += time.perf_counter() - start
            self.queries += 1


def cost(ask: Callable[[], Any], times: int = TIMES, warm: int = WARM) -> Cost:
    """Ask for a page some times; return the medians. Raise if it does not answer with 200."""
    for _ in range(warm):
        answered(ask)
    found = [_once(ask) for _ in range(times)]
    wall, cpu, database, queries = (
        statistics.median(values) for values in zip(*found, strict=True)
    )
    return Cost(wall, cpu, database, int(queries))


def _once(ask: Callable[[], Any]) -> tuple[float, float, float, int]:
    watch = Watch()
    with connection.execute_wrapper(watch):
        start, cpu = time.perf_counter(), time.process_time()
        answered(ask)
        took, worked = time.perf_counter() - start, time.process_time() - cpu
    return took * 1000, worked * 1000, watch.seconds * 1000, watch.queries


def answered(ask: Callable[[], Any]) -> None:
    """Ask for a page; raise if it does not answer with 200."""
    response = ask()
    if response is not None and response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.content[:300]!r}")


def measure(out: TextIO, wanted: str = "") -> None:
    """Write what each page costs whose name has ``wanted``: milliseconds, and queries."""
    out.write(f"{'wall':>9}{'cpu':>9}{'database':>9}{'queries':>9}  page\n")
    with opened():
        for name, ask in Pages(client(), reads.sample()).all():
            if wanted in name:
                of = cost(ask)
                numbers = f"{of.wall:9.1f}{of.cpu:9.1f}{of.database:9.1f}{of.queries:9}"
                out.write(f"{numbers}  {name}\n")
                out.flush()
