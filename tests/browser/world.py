"""What there is to see, and the pages on which it is seen."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.utils import timezone

from boogie.apps.tasks import Progress, Task, limits
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Batch, Dependency, Limit, Slot, Worker
from boogie.apps.tasks.operations import control
from tests.project.blog import tasks
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.ends import count_all, ended
from tests.support.rows import coherent, stored

from .steps import LIST, act, confirm, follow, page_of, select

#: An id of a worker that lives, and of one that has died.
ALIVE, DEAD = "ada@a-machine.with.a.long.name.example.org/4711", "bob@there/2"

ERROR = "tests.project.errors.NoStockIsLeftError"


@dataclass(frozen=True)
class World:
    """A superuser, and a row of each kind."""

    root: Any
    pen: Product
    failed: Task
    running: Task
    queued: Task
    huge: Task
    function: Task
    held: Task
    batch: Batch


def make():
    """Store all of it."""
    root = get_user_model().objects.create_superuser("root", first_name="Ada")
    pen = Product.objects.create(name="pen")
    for name, silent in ((ALIVE, -3600), (DEAD, 600)):
        told = {"host": "a-machine", "pid": 4711, "queues": ["fast", "slow"], "concurrency": 4}
        Worker.objects.create(id=name, seen=Moment(-silent), started=Moment(-7200), **told)
    # Its age in tests of the future is none: it was heard of an hour from now.
    world = World(
        root=root,
        pen=pen,
        failed=_failed(root),
        running=_of(root, "running", progress=Progress(1, 4, "reading", 0.25), worker=ALIVE),
        queued=_of(root, "queued", queue="nobody-serves-this"),
        huge=_huge(root),
        function=_function(),
        held=_held(root),
        batch=Batch.objects.create(title="Month end", on_end=tasks.publish.name),
    )
    _chain(world)
    for status in ("paused", "cancelled", "finished"):
        _of(root, status)
    _past(pen)
    return world


def _chain(world):
    """Have the failed row be after the running one, and both of the batch."""
    keys = [world.failed.pk, world.running.pk]
    Task.objects.filter(pk__in=keys).update(batch_id=world.batch.pk)
    Task.objects.filter(pk=world.failed.pk).update(is_after=True)
    Task.objects.filter(pk=world.running.pk).update(is_needed=True)
    Dependency.objects.create(row_id=world.failed.pk, needs_id=world.running.pk, place=0)


def _of(user, status, **fields):
    given = {"requested_by_id": str(user.pk), "requested_by_name": user.username}
    return stored(status, user, name=tasks.publish.name, **given, **fields)


def _failed(user):
    trace = "".join(f'  File "/srv/{"long/" * 20}tasks.py", line {n}\n' for n in range(40))
    errors = [
        {"attempt": number, "type": ERROR, "message": "no " * 100, "traceback": trace}
        for number in (1, 2, 3)
    ]
    return _of(user, "failed", errors=errors, error_type=ERROR, kwargs={"title": "news"})


def _huge(user):
    line = {"at": timezone.now(), "level": "WARNING", "logger": "a.b", "message": "word " * 60}
    many = {"title": "long" * 500, "copies": 10**30, "pinned": [{"a": [1, 2]}] * 2000}
    return _of(user, "finished", kwargs=many, log=[line] * 500)


def _function():
    """Store a row of a function of Django Tasks, which is about no object."""
    error = {"attempt": 3, "type": "builtins.LookupError", "message": "no", "traceback": "…"}
    return Task.objects.create(
        name=functions.broken.module_path,
        backend="default",
        object_db="",
        args=["a word"],
        errors=[error],
        error_type=error["type"],
        created=timezone.now(),
        **coherent("failed"),
    )


def _held(user):
    """Return a row that waits for a slot of a limit, behind another one; a third has it."""
    key = limits.key_of("payments", "5")
    Limit.objects.create(key=key, name="payments", value="5")
    running = _of(user, "running", worker=ALIVE)
    Slot.objects.create(limit=key, number=1, row_id=running.pk, attempt=running.attempt)
    return [_of(user, "queued", due=None, held_by=key, queue="slow") for _ in range(2)][1]


def _past(pen):
    now = datetime.now(UTC).replace(tzinfo=None)
    for status in ("finished", "failed", "cancelled"):
        ended(pen, now - timedelta(seconds=30), status, name="shop.tasks.sell", error_type=ERROR)
    for _ in range(2):
        count_all(now)


# --- pages ----------------------------------------------------------------------------


def confirmation(page, site, world):
    page.goto(site(LIST))
    select(page, world.failed, world.queued)
    act(page, "cancel")


def action_form(page, site, world):
    page.goto(site("/admin/blog/user/"))
    select(page, world.root)
    act(page, f"boogie:{tasks.publish.name}")


def refused_form(page, site, world):
    page.goto(site(_start(world)))
    page.fill("[name$=copies]", "many")
    confirm(page)


def shutdown(page, site, world):
    page.goto(site("/admin/boogie_tasks/task/workers/"))
    follow(page, page.get_by_role("button", name="Warm shutdown"))


def hold(page, site, world):
    page.goto(site(page_of(world.queued)))
    follow(page, page.get_by_role("button", name=f"Hold {world.queued.name}"))


def dashboard(page, site, world):
    page.goto(site("/admin/boogie_tasks/task/dashboard/"))
    for name in ("throughput", "failures", "run", "wait"):
        page.hover(f"#boogie-{name}")


def opened(page, site, world):
    page.goto(site("/admin/boogie_tasks/task/dashboard/?range=7d"))
    for summary in page.locator(".boogie-panel summary").all():
        summary.click()


def filters(page, site, world):
    page.goto(site(f"{LIST}?status=failed&task={tasks.publish.name}&since=2d"))
    page.locator(".boogie-filters summary").click()


def _start(world):
    return f"/admin/blog/user/{world.root.pk}/boogie/{tasks.publish.name}/"


def _widgets(world):
    rows = "&".join(f"row={row.pk}" for row in (world.failed, world.running, world.queued))
    return f"/widgets/?{rows}&product={world.pen.pk}"


#: The task and the model of a schedule.
OF_USERS = urlencode({"task": tasks.publish.name, "model": "blog.user"})


def _schedule(world):
    made = tasks.publish.using(name="weekly").repeat(timedelta(days=7), world.root, title="news")
    return f"/admin/boogie_tasks/schedule/{made.pk}/change/"


#: By their names: a path, a function of the world that returns one, or one that goes there.
PAGES = {
    "index": "/admin/",
    "index of the app": "/admin/boogie_tasks/",
    "list": LIST,
    "list that is filtered": filters,
    "list of nothing": f"{LIST}?q=nothing-is-called-so",
    "list with a filter that cannot be read": f"{LIST}?since=never",
    "confirmation": confirmation,
    "failed row": lambda world: page_of(world.failed),
    "running row": lambda world: page_of(world.running),
    "queued row": lambda world: page_of(world.queued),
    "row that is held": lambda world: page_of(world.held),
    "list by what holds": f"{LIST}?held_by=payments+%285%29",
    "huge row": lambda world: page_of(world.huge),
    "history of a row": lambda world: f"{LIST}{world.failed.pk}/history/",
    "run again": lambda world: f"{LIST}{world.failed.pk}/again/",
    "row of a function": lambda world: page_of(world.function),
    "run a function again": lambda world: f"{LIST}{world.function.pk}/again/",
    "batches": "/admin/boogie_tasks/batch/",
    "batch": lambda world: f"/admin/boogie_tasks/batch/{world.batch.pk}/change/",
    "failures": "/admin/boogie_tasks/task/failures/",
    "failures of the week": "/admin/boogie_tasks/task/failures/?show=all",
    "workers": "/admin/boogie_tasks/task/workers/",
    "shutdown": shutdown,
    "hold": hold,
    "schedules": "/admin/boogie_tasks/schedule/",
    "which task a schedule is of": "/admin/boogie_tasks/schedule/add/",
    "form of a schedule": f"/admin/boogie_tasks/schedule/add/?{OF_USERS}",
    "schedule": _schedule,
    "dashboard": dashboard,
    "dashboard with its tables": opened,
    "object": lambda world: f"/admin/blog/user/{world.root.pk}/change/",
    "start form": _start,
    "start form that is refused": refused_form,
    "action form": action_form,
    "page of the project": _widgets,
}


def go(page, site, world, name):
    """Go to a page, as far as this session's broker has it; return whether it does."""
    if name == "shutdown" and not control.is_possible():
        return False
    where = PAGES[name]
    if callable(where) and where.__code__.co_argcount == 1:
        where = where(world)
    page.goto(site(where)) if isinstance(where, str) else where(page, site, world)
    return True
