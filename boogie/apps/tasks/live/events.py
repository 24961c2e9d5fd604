"""
Server-sent events: a stream of rows that change, for as long as a page is open.

Nothing is held between two looks but the stream itself: no connection to a database, no statement.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error
from django.http import HttpRequest

from boogie.apps.tasks.db.connections import close_connections

from . import access
from .access import Refused, Watch

#: Seconds between two looks at the database.
INTERVAL = 1.0
#: Seconds after which a silent stream says that it lives, and asks again who may watch.
HEARTBEAT = 15.0
#: Seconds after which a stream ends, and its page opens the next one.
LIFETIME = 300.0
#: Milliseconds after which a page opens the next one.
RETRY = 2000

#: Proxies that gather what they pass on would hold events back.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

TYPE = "text/event-stream; charset=utf-8"


async def stream(request: HttpRequest, watch: Watch) -> AsyncIterator[str]:
    """
    Yield every watched row, and then those that change.

    It ends when its time is over, when the right to watch is, and when the database does not
    answer; pages come back by themselves.
    """
    yield f"retry: {RETRY}\n\n"
    told: dict[str, Any] = {}
    end, beat = time.monotonic() + LIFETIME, time.monotonic() + HEARTBEAT
    with suppress(Refused, Error):
        while time.monotonic() < end:
            if time.monotonic() >= beat:
                beat = time.monotonic() + HEARTBEAT
                watch = await _apart(access.watch_again, request)
                yield ": still here\n\n"
            if news := _news(await _apart(watch.look), told):
                yield news
            await asyncio.sleep(INTERVAL)


def _news(rows: list[dict[str, Any]], told: dict[str, Any]) -> str:
    """Return events of the rows that are not as they were told, and take note of them."""
    changed = [row for row in rows if told.get(row["id"]) != row]
    told.update((row["id"], row) for row in changed)
    return "".join(f"event: status\ndata: {json.dumps(row)}\n\n" for row in changed)


async def _apart(function: Any, *args: Any) -> Any:
    """Ask the database in the request's thread, and close the connection: streams are many."""

    def ask() -> Any:
        try:
            return function(*args)
        finally:
            close_connections()

    return await sync_to_async(ask)()
