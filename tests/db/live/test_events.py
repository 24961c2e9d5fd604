"""Events: what is sent while rows change, when a stream ends, and that it holds nothing."""

import asyncio
import contextlib
import json
import math
import urllib.error
import urllib.request

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test import AsyncClient, Client

from boogie.apps.tasks import Progress, Task
from boogie.apps.tasks.live import events, tokens
from tests.project.shop.models import Product
from tests.support import web
from tests.support.rows import coherent, stored
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/tasks/events"

#: Seconds in which a stream that is to end has to.
PATIENCE = 30


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


class Clock:
    """A clock by which every look at it takes a second."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def quick(monkeypatch):
    """Streams that look without a pause, and end after so many looks, however long one takes."""
    monkeypatch.setattr(events, "time", Clock())
    monkeypatch.setattr(events, "INTERVAL", 0.0)
    monkeypatch.setattr(events, "HEARTBEAT", 15.0)
    monkeypatch.setattr(events, "LIFETIME", 100.0)


def for_rows(*rows):
    return "&".join(f"token={tokens.for_row(row.pk)}" for row in rows)


def statuses(text):
    """Return the status of each event of a stream."""
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: "))["status"] for line in lines]


def move(row, status, **fields):
    Task.objects.filter(pk=row.pk).update(**{"due": None, **coherent(status), **fields})


def read(query, on_part=lambda part: None, user=None, **headers):
    """Read a stream to its end, in this process; ``on_part`` is called with each part."""

    async def collect():
        client = AsyncClient()
        if user is not None:
            await client.aforce_login(user)
        answer = await client.get(f"{URL}?{query}", headers=headers)
        assert answer.status_code == 200
        parts = []
        async with asyncio.timeout(PATIENCE):
            async for part in answer.streaming_content:
                parts.append(part.decode())
                await sync_to_async(on_part)(parts[-1])
        return "".join(parts)

    return async_to_sync(collect)()


# --- what is sent ---------------------------------------------------------------------


def test_a_stream_tells_the_row_of_now_and_then_what_changes(quick, pen):
    row = stored("queued", pen)
    then = iter([("running", {"progress": Progress(1, 2, "", 0.5)}), ("finished", {})])

    def on_part(part):
        if part.startswith("event: status") and (to := next(then, None)):
            move(row, to[0], **to[1])

    text = read(for_rows(row), on_part)
    assert text.startswith("retry: ")
    assert statuses(text) == ["queued", "running", "finished"]


def test_the_events_have_the_rows_of_the_state(quick, client, pen):
    row = stored("failed", pen)
    sent = read(for_rows(row)).partition("data: ")[2].partition("\n\n")[0]
    assert [json.loads(sent)] == client.get(f"/tasks/state?{for_rows(row)}").json()["rows"]


def test_events_are_in_the_language_of_who_listens(quick, pen, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    row = stored("queued", pen)
    then = iter(["running"])

    def on_part(part):
        if part.startswith("event: status") and (to := next(then, None)):
            move(row, to)

    text = read(for_rows(row), on_part, **{"accept-language": "de"})
    assert statuses(text) == ["queued", "running"]
    assert ["eingereiht" in part for part in text.split("event: status")[1:]] == [True, False]
    assert "läuft" in json.loads(text.rpartition("data: ")[2].partition("\n")[0])["shown"]["status"]


def test_a_stream_in_which_nothing_happens_says_that_it_lives_and_ends(quick, pen):
    text = read(for_rows(stored("queued", pen)))
    assert statuses(text) == ["queued"]
    assert text.count("\n: ") >= 2


def test_one_look_takes_one_statement_for_all_rows(quick, monkeypatch, pen):
    monkeypatch.setattr(events, "HEARTBEAT", math.inf)
    rows = [stored("queued", pen) for _ in range(50)]
    with statements() as sent:
        text = read(for_rows(*rows))
    looks = [sql for sql in sent if "boogie_tasks_task" in sql]
    assert statuses(text) == ["queued"] * 50
    assert len(sent) == len(looks) > 1


def test_no_connection_is_held_between_two_looks(quick, pen):
    held = []
    read(for_rows(stored("queued", pen)), lambda part: held.append(connection.connection))
    assert len(held) >= 3
    assert set(held[1:]) == {None}


# --- who may watch --------------------------------------------------------------------


@pytest.fixture
def viewer():
    user = get_user_model().objects.create_user("viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    return user


@pytest.mark.parametrize("query", ["", "token=wrong", "row=00000000-0000-7000-8000-000000000000"])
def test_who_may_not_watch_is_refused(query):
    answer = async_to_sync(AsyncClient().get)(f"{URL}?{query}")
    assert answer.status_code == 403


LOSSES = {
    "of the permission": lambda user: user.user_permissions.clear(),
    "of the account": lambda user: user.delete(),
    "of the session": lambda user: Session.objects.all().delete(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_stream_ends_when_the_right_to_watch_is_lost(quick, monkeypatch, pen, viewer, loss):
    monkeypatch.setattr(events, "LIFETIME", math.inf)
    row = stored("queued", pen)

    def on_part(part):
        if part.startswith("event: status"):
            LOSSES[loss](viewer)

    assert statuses(read(f"row={row.pk}", on_part, viewer)) == ["queued"]


def test_a_stream_ends_when_a_token_is_too_old(quick, monkeypatch, settings, pen):
    monkeypatch.setattr(events, "LIFETIME", math.inf)
    settings.BOOGIE_TASKS = {"TOKEN_AGE": 1.5}
    assert statuses(read(for_rows(stored("queued", pen)))) == ["queued"]


# --- the servers ----------------------------------------------------------------------


def test_a_page_that_goes_away_ends_its_stream(pen):
    path, query = URL, for_rows(stored("queued", pen))

    async def visit():
        visitor = ApplicationCommunicator(
            get_asgi_application(),
            {
                "type": "http",
                "http_version": "1.1",
                "method": "GET",
                "path": path,
                "query_string": query.encode(),
                "headers": [(b"host", b"testserver")],
            },
        )
        await visitor.send_input({"type": "http.request", "body": b""})
        assert (await visitor.receive_output(10))["status"] == 200
        while b"event: status" not in (await visitor.receive_output(10))["body"]:
            pass
        await visitor.send_input({"type": "http.disconnect"})
        await visitor.wait(10)

    async_to_sync(visit)()


def test_a_real_server_sends_what_changes_at_once(tmp_path, pen):
    row = stored("queued", pen)
    with served(web.asgi, tmp_path) as site:
        with urllib.request.urlopen(site(f"{URL}?{for_rows(row)}"), timeout=20) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            assert stream.headers["Cache-Control"] == "no-store"
            assert next_status(stream) == "queued"
            move(row, "running")
            assert next_status(stream) == "running"
        assert site.log == ""


def next_status(stream):
    for line in stream:
        if line.startswith(b"data: "):
            return json.loads(line.removeprefix(b"data: "))["status"]
    return None


def test_a_server_of_wsgi_answers_406_and_does_not_hang(tmp_path, pen):
    url = f"{URL}?{for_rows(stored('queued', pen))}"
    assert Client().get(url).status_code == 406
    with served(web.wsgi, tmp_path) as site, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(site(url), timeout=20)
    assert caught.value.code == 406
    assert caught.value.headers["Cache-Control"] == "no-store"
    caught.value.close()


@contextlib.contextmanager
def served(server, tmp_path):
    site = server(tmp_path / "log")
    try:
        yield site
    finally:
        site.stop()
