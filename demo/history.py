"""A day of made-up work for the pictures: so many rows take a day to happen."""

import math
import os
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Release
from demo.library.models import Document
from demo.library.tasks import analyse, check_style, count_words

HOURS = 26
#: Minutes between two rows, when least is to do.
GAP = 2.4
#: Hours ago: a new version of the code, by which more fails, and the one that mends it.
BROKEN, MENDED = 9, 6

SECOND = timedelta(seconds=1)

#: Task → its share of the rows, how long it runs (seconds), and how it fails.
WORK = {
    analyse: (6, 0.4, ("builtins.SyntaxError", "'(' was never closed (line 12)")),
    check_style: (3, 1.6, ("demo.library.tasks.TooLong", "line 218 has 118 characters")),
    count_words: (2, 11.0, ("builtins.TimeoutError", "the disk did not answer in 30 s")),
}

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/library/tasks.py", line {line}, in {name}
    {code}
    ~~~~~~~~~~~~~^^^^^^^^^^^^
  File "/srv/library/parsing.py", line 31, in parse
    return ast.parse(source, filename=path)
           ~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^^^
{kind}: {message}
"""

WORKER = "celery@site-1/5d1f2c3a"


def make(users: list[User], seed: int = 7) -> None:
    """Store the rows, the versions that ran, and the figures that keepers would have counted."""
    now = timezone.now()
    chance = random.Random(seed)
    documents = list(Document.objects.all())
    Task.objects.bulk_create(
        [_row(chance, created, now, documents, users) for created in _moments(chance, now)]
    )
    for version, hours in (("4.1", BROKEN), ("4.2", MENDED)):
        Release.objects.create(version=version, seen=now - timedelta(hours=hours))
    while rollups.count():
        pass


def _moments(chance: random.Random, now: datetime) -> Iterator[datetime]:
    """Yield when rows were made: more of them by day than by night."""
    moment = now - timedelta(hours=HOURS)
    while moment < now - timedelta(minutes=2):
        yield moment
        hours = (now - moment).total_seconds() / 3600
        busy = 1 + 4 * math.cos((hours - 3) / 24 * math.tau / 2) ** 2
        moment += timedelta(minutes=chance.expovariate(busy / GAP))


def _row(
    chance: random.Random,
    created: datetime,
    now: datetime,
    documents: list[Document],
    users: list[User],
) -> Task:
    task = chance.choices(list(WORK), [share for share, *_ in WORK.values()])[0]
    _, seconds, (kind, message) = WORK[task]
    user = chance.choice([*users, None])
    started = created + SECOND * chance.expovariate(1.2)
    ended = started + SECOND * seconds * chance.lognormvariate(0, 0.6)
    fields: dict[str, Any] = {
        "id": _id(created),
        "name": task.name,
        "content_type": ContentType.objects.get_for_model(Document),
        "object_id": str(chance.choice(documents).pk),
        "object_db": "default",
        "queue": "boogie_demo",
        "requested_by_id": str(user.pk) if user else "",
        "requested_by_name": user.username if user else "",
        "created": created,
        "attempt": 1,
        "worker": WORKER,
        "pid": 4242,
        "started": started,
        "ended": min(ended, now),
    }
    if chance.random() < _risk((now - created).total_seconds() / 3600):
        return Task(**fields | _failure(task, kind, message, fields["ended"], now))
    return Task(**fields, status="finished", result={"lines": chance.randrange(40, 900)})


def _risk(hours: float) -> float:
    """Return how likely a row fails that was made so many hours ago."""
    if MENDED < hours < BROKEN:
        return 0.34
    return 0.4 if hours < 0.2 else 0.03


def _failure(task: Any, kind: str, message: str, ended: datetime, now: datetime) -> dict[str, Any]:
    """Return the fields of a row that failed, for the third time if it is retried."""
    tries = 3 if task is check_style else 1
    code = "lines = parse(document.read(), document.path)"
    name = task.name.rpartition(".")[2]
    traceback = TRACEBACK.format(line=31, name=name, code=code, kind=kind, message=message)
    entries = [
        {
            "attempt": attempt + 1,
            "type": kind,
            "message": message,
            "traceback": traceback,
            "worker": WORKER,
            "at": (ended - SECOND * 4 * (tries - 1 - attempt)).isoformat(),
        }
        for attempt in range(tries)
    ]
    is_old = now - ended > timedelta(hours=7)
    return {
        "status": "failed",
        "errors": entries,
        "error_type": kind,
        "attempt": tries,
        "retries": tries - 1,
        "acknowledged": now if is_old else None,
    }


def _id(created: datetime) -> uuid.UUID:
    """Return an id that rows have which were made then (UUIDs, version 7)."""
    milliseconds = int(created.timestamp() * 1000)
    rest = int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | rest)
