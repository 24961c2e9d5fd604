"""
Who and what rows are about: objects, users, workers, tasks, errors.
"""

import json
import random
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

#: How many there are of each. A tenth of them for a table of a tenth, and less for a smaller one.
OBJECTS, USERS, TASKS, QUEUES = 50_000, 300, 40, 8
LIVING, DEAD = 12, 6

VERBS = ("clean", "export", "import", "index", "invoice", "notify", "render", "sync")
NOUNS = ("posts", "orders", "products", "images", "reports")
ERRORS = (
    *("builtins.ValueError", "builtins.KeyError", "builtins.TypeError", "builtins.TimeoutError"),
    *("builtins.ConnectionError", "builtins.MemoryError", "builtins.OSError"),
    *("builtins.ZeroDivisionError", "builtins.AttributeError", "builtins.IndexError"),
    *("django.db.utils.IntegrityError", "django.db.utils.OperationalError"),
    *("django.core.exceptions.ValidationError", "django.core.exceptions.ObjectDoesNotExist"),
    *("requests.exceptions.ConnectTimeout", "requests.exceptions.HTTPError"),
    *("smtplib.SMTPServerDisconnected", "PIL.UnidentifiedImageError"),
    *("boogie.apps.tasks.exceptions.TaskLost", "celery.exceptions.SoftTimeLimitExceeded"),
)
#: With how many errors of its own each type of error fails, of the tasks.
TASKS_OF_AN_ERROR = 5

#: What the oldest rows have, and no others: of a task, a queue and a user that are no more.
RETIRED = {
    "name": "tests.project.work.retired",
    "queue": "queue_retired",
    "requested_by_id": "999999",
    "requested_by_name": "retired",
}


@dataclass
class Cast:
    """What rows choose from; of ``objects`` pairs of a content type's and an object's key."""

    objects: list[tuple[int, str]]
    #: Pairs of key and name.
    users: list[tuple[str, str]]
    living: list[str]
    dead: list[str]
    names: list[str]
    queues: list[str]
    #: Name of a task → the types of errors that it fails with.
    errors: dict[str, list[str]]

    def queue_of(self, name: str) -> str:
        """Return the queue of a task."""
        return self.queues[self.names.index(name) % len(self.queues)]


def names() -> list[str]:
    """Return the names of the tasks."""
    return [f"tests.project.work.{verb}_{noun}" for noun in NOUNS for verb in VERBS]


def errors_of(tasks: list[str]) -> dict[str, list[str]]:
    """Return which errors each task knows: 100 pairs of 40 tasks and 20 types."""
    found: dict[str, list[str]] = {}
    for place, kind in enumerate(ERRORS):
        for step in range(TASKS_OF_AN_ERROR):
            found.setdefault(tasks[(place * 7 + step * 3) % len(tasks)], []).append(kind)
    return found


def assemble(size: int) -> Cast:
    """Store objects, users and workers for a table of ``size`` rows."""
    tasks = names()
    living, dead = workers()
    return Cast(
        objects=objects(max(200, OBJECTS * size // 1_000_000)),
        users=users(max(20, min(USERS, USERS * size // 100_000))),
        living=living,
        dead=dead,
        names=tasks,
        queues=[f"queue_{n}" for n in range(QUEUES)],
        errors=errors_of(tasks),
    )


def objects(number: int) -> list[tuple[int, str]]:
    """Store objects of two models, with integers and with UUIDs as their keys."""
    from django.contrib.contenttypes.models import ContentType

    from tests.project.shop.models import Order, Product

    products = Product.objects.bulk_create(
        [Product(name=f"product {n}") for n in range(number * 3 // 5)], batch_size=1000
    )
    chance = random.Random(number)
    orders = Order.objects.bulk_create(
        [
            Order(id=uuid.UUID(int=chance.getrandbits(128), version=4), note=f"order {n}")
            for n in range(number - len(products))
        ],
        batch_size=1000,
    )
    found: list[tuple[int, str]] = []
    for made in (products, orders):
        kind = ContentType.objects.get_for_model(type(made[0])).pk
        found += [(kind, str(one.pk)) for one in made]
    chance.shuffle(found)
    return found


def users(number: int) -> list[tuple[str, str]]:
    """Store users; the first is ``admin``, whose password is ``admin``."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password

    model: Any = get_user_model()
    rights: dict[str, Any] = {"is_staff": True, "is_superuser": True}
    first = model(username="admin", password=make_password("admin"), **rights)
    others = [model(username=f"user_{n:03}", password="!") for n in range(1, number)]
    model.objects.bulk_create([first, *others])
    return [(str(user.pk), user.username) for user in model.objects.order_by("pk")]


def workers() -> tuple[list[str], list[str]]:
    """Store workers; return the ids of those alive, and of the dead."""
    from boogie.apps.tasks.db.clock import Moment
    from boogie.apps.tasks.models import Worker

    found: tuple[list[str], list[str]] = ([], [])
    for n in range(LIVING + DEAD):
        alive = n < LIVING
        seen = Moment() if alive else Moment(-timedelta(hours=n).total_seconds())
        worker = Worker.objects.create(
            id=f"celery@host-{n:02}/{n:032x}",
            host=f"host-{n:02}",
            pid=1000 + n,
            queues=[f"queue_{(n + k) % QUEUES}" for k in range(2)],
            concurrency=8,
            software={"boogie": "1.0", "celery": "5.7", "python": "3.13"},
            started=Moment(-86400.0 * (n + 1)),
            seen=seen,
            steady=Moment(-86400.0 * n),
        )
        found[not alive].append(worker.pk)
    return found


def traceback(name: str, kind: str) -> str:
    """Return a traceback of some two thousand characters."""
    frames = [
        f'  File "project/tasks/{name.rpartition(".")[2]}_{n}.py", line {40 + n * 7}, '
        f"in step_{n}\n    value = self.prepare(value, strict=True, attempts={n})\n"
        "            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        for n in range(11)
    ]
    short = kind.rpartition(".")[2]
    return f"Traceback (most recent call last):\n{''.join(frames)}{short}: could not {name}\n"


def error(name: str, kind: str, worker: str, at: str) -> dict[str, Any]:
    """Return an entry of ``errors``."""
    return {
        "attempt": 1,
        "type": kind,
        "message": f"could not {name.rpartition('.')[2].replace('_', ' ')}: no answer in 30 s",
        "traceback": traceback(name, kind),
        "worker": worker,
        "at": at,
    }


def log(lines: int, at: str) -> str:
    """Return what a body logged, as JSON."""
    return json.dumps(
        [
            {"at": at, "level": "INFO", "logger": "work", "message": f"step {n} of {lines} is done"}
            for n in range(lines)
        ]
    )
