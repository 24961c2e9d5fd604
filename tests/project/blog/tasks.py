"""The example of the documentation that started the project, and tasks for real workers."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from asgiref.sync import sync_to_async
from celery import shared_task
from celery.exceptions import Reject, SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

import boogie
from boogie.apps.tasks import BoogieTask, task, track

from . import batched, chained, coroutines, limited, waiting  # noqa: F401 - Celery looks here

logger = logging.getLogger(__name__)


@task
def clean_user_posts(user, force=False):
    removed_posts = user.posts.remove(force=force)
    return {
        "user": user.username,
        "removed": removed_posts,
    }


@task(label="Publish posts")
def publish(user, title: str, copies: int = 1, pinned: bool = False):
    """Write posts for somebody who has an address."""
    if not user.email:
        raise ValueError(f"{user.username} has no address")
    for _ in track(range(copies), note="writing"):
        user.posts.create(title=title, pinned=pinned)
    return {"published": copies}


# --- what a test sees of a run --------------------------------------------------------


def _count(post):
    """Note in the database that a body has begun; return how many have."""
    rows = type(post).objects.filter(pk=post.pk)
    rows.update(views=F("views") + 1)
    return rows.get().views


def _hold(post):
    """Wait until a test lets go."""
    while not type(post).objects.filter(pk=post.pk, pinned=True).exists():
        time.sleep(0.02)


@task
def count(post):
    return _count(post)


@task
def hold(post):
    """Begin, and end when a test lets go."""
    _count(post)
    _hold(post)
    return os.getpid()


@task(bind=True, log="INFO")
def stride(self, post, dies=False):
    """Take four steps; die in the third of the first attempt, or wait there for a test."""
    for number in track(range(4), note="striding"):
        logger.info("step %s of attempt %s", number, self.row.attempt)
        if number == 2 and dies and self.row.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 2:
            _hold(post)
        time.sleep(0.55)  # longer than the pause between two writes


@task(bind=True)
def whereabouts(self, user):
    return {"worker": self.row.worker, "pid": os.getpid(), "attempt": self.row.attempt}


@task(bind=True, max_retries=1)
def hand_over(self, user, post, to, also=()):
    """Give a post to somebody; retried once, with instances from the first attempt."""
    if self.row.attempt == 1:
        raise self.retry(args=(user, post, to), kwargs={"also": list(also)}, countdown=0)
    post.author = to
    post.save(update_fields=["author"])
    return [f"{type(one).__name__} {one}" for one in (post, to, *also)]


@task
async def hand_over_async(user, to):
    return to.username


@task
def note(user, title):
    user.posts.create(title=title)


@task(priority=1)
def note_low(user, title):
    user.posts.create(title=title)


@task(priority=9)
def note_high(user, title):
    user.posts.create(title=title)


@task(queue=settings.SIDE_QUEUE)
def on_the_side(user):
    return os.getpid()


# --- failures and retries -------------------------------------------------------------


@task
def fail(user, message):
    raise ValueError(message)


@task(bind=True, max_retries=3, default_retry_delay=0)
def retry_by_hand(self, post, times):
    """Ask for ``times`` retries, then succeed."""
    begun = _count(post)
    if begun <= times:
        try:
            raise LookupError(f"try {begun}")
        except LookupError as error:
            self.retry(exc=error)
    return {"retries": self.request.retries, "attempt": self.row.attempt}


@task(autoretry_for=(LookupError,), max_retries=2, retry_kwargs={"countdown": 0})
def retry_by_itself(post, times):
    """Raise ``times`` times, then succeed."""
    begun = _count(post)
    if begun <= times:
        raise LookupError(f"try {begun}")
    return begun


class Hooked(BoogieTask):
    """Writes down what hooks get."""

    def run(self, user, word, *, number):
        return word * number

    def on_success(self, retval, task_id, args, kwargs):
        user, *rest = args
        user.posts.create(title=f"{retval} {rest} {kwargs}")


hooked = Hooked.as_task(name="tests.hooked")


# --- limits and deaths ----------------------------------------------------------------


class Limited(BoogieTask):
    """Overstays any time limit, and writes down what ``on_failure`` gets."""

    def run(self, user, word, *, number):
        while True:
            time.sleep(0.01)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        user, *rest = args
        user.posts.create(title=f"{type(exc).__name__} {rest} {kwargs} {task_id}")


limited_hard = Limited.as_task(name="tests.limited_hard", time_limit=2)
limited_soft = Limited.as_task(name="tests.limited_soft", soft_time_limit=2)


def _die(post, how, times):
    begun = _count(post)
    if begun <= times and how == "exit":
        os._exit(3)
    if begun <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


@task
def die(post, how, times):
    """End the process ``times`` times, then succeed."""
    return _die(post, how, times)


@task
def leave(post, times):
    """Raise ``SystemExit`` ``times`` times, then succeed."""
    begun = _count(post)
    if begun <= times:
        sys.exit(3)
    return begun


@task(rescue=False)
def die_for_good(post, how, times):
    return _die(post, how, times)


class Mourned(BoogieTask):
    """End the process; ``on_failure`` takes as long as a test wants it to."""

    def run(self, post):
        os.kill(os.getpid(), signal.SIGKILL)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        _count(args[0])
        _hold(args[0])


mourned = Mourned.as_task(name="tests.mourned", rescue=False)


@task
def hold_once(post):
    """Hold on to the process the first time, which ends only with its worker."""
    begun = _count(post)
    if begun == 1:
        _hold(post)
    return begun


@task
def run_a_program(user):
    """Run a program; return whether the database connection is still the same."""
    connection.ensure_connection()
    before = connection.connection
    subprocess.run([sys.executable, "-c", ""], check=True)
    return before is connection.connection


# --- bodies that hold up their whole process ------------------------------------------


@task
def hog(post, path):
    """
    Keep every thread of this process from running until somebody writes to the FIFO ``path``.

    As a long call into C does that holds the GIL. Return how often another thread
    ran in that time.
    """
    turns = []
    ended = threading.Event()

    def take_turns():
        while not ended.wait(0.01):
            turns.append(1)

    other = threading.Thread(target=take_turns)
    other.start()
    fifo = os.open(path, os.O_RDWR)
    _count(post)
    before = len(turns)
    while ctypes.PyDLL(None).read(fifo, ctypes.create_string_buffer(1), 1) < 1:
        pass  # a signal came in between
    after = len(turns)
    os.close(fifo)
    ended.set()
    other.join()
    return after - before


# --- connections ----------------------------------------------------------------------


def _backend():
    """Return the PostgreSQL process that serves this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@task
def backend(user):
    return {"backend": _backend(), "pid": os.getpid()}


@task
def backend_then_fail(user):
    user.posts.create(title=str(_backend()))
    raise ValueError("after a query")


@task(soft_time_limit=2)
def backend_then_overstay(user):
    user.posts.create(title=str(_backend()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")


# --- plain Celery ---------------------------------------------------------------------


def _write_down(user_id, title):
    from tests.project.blog.models import Post

    return Post.objects.create(author_id=user_id, title=title)


@shared_task(ignore_result=True)
def plain_note(user_id, title):
    _write_down(user_id, title)


@shared_task(ignore_result=True)
def plain_backend(user_id):
    _write_down(user_id, str(_backend()))


@shared_task(ignore_result=True, acks_late=True)
def plain_hold(post_id):
    from tests.project.blog.models import Post

    post = Post.objects.get(pk=post_id)
    _count(post)
    _hold(post)


@shared_task(bind=True, ignore_result=True, acks_late=True)
def plain_reject(self, post_id):
    """Have the message delivered again, once."""
    from tests.project.blog.models import Post

    _count(Post.objects.get(pk=post_id))
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not yet", requeue=True)


@shared_task(bind=True, ignore_result=True, acks_late=True, reject_on_worker_lost=True)
def plain_die(self, post_id):
    """End the process, once."""
    from tests.project.blog.models import Post

    _count(Post.objects.get(pk=post_id))
    if not self.request.delivery_info["redelivered"]:
        os._exit(3)


@task
def home(user):
    """Return from which directory this package comes."""
    return str(Path(boogie.__file__).parent.parent)


# --- soft time limits -----------------------------------------------------------------


@task(bind=True)
def left(self, post):
    """Return the seconds that are left at first, and after a while."""
    first = self.remaining()
    time.sleep(0.2)
    return first, self.remaining()


@task(bind=True, soft_time_limit=100)
def left_of_100(self, post):
    return self.remaining()


@task(bind=True, soft_time_limit=2)
def until_it_is_over(self, post):
    """Stop a moment before the soft limit, and return what is done."""
    done = 0
    while self.remaining() > 0.5:
        done += 1
        time.sleep(0.05)
    return done


SLOW = {
    "postgresql": "SELECT pg_sleep(600)",
    "mysql": "SELECT SLEEP(600)",
    # Nothing strikes in the middle of a statement here: it is one call of a library.
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000000) "
    "SELECT max(i) FROM n",
}


def _overstay():
    with connection.cursor() as cursor:
        cursor.execute(SLOW[connection.vendor])
    time.sleep(600)


@task(soft_time_limit=1)
def overstay_then_note(user):
    try:
        _overstay()
    except SoftTimeLimitExceeded:
        user.posts.create(title="noted")
        return "noted"


@task(soft_time_limit=1)
def overstay_in_a_transaction_then_note(user):
    try:
        with transaction.atomic():
            user.posts.create(title="undone")
            _overstay()
    except SoftTimeLimitExceeded:
        with transaction.atomic():
            user.posts.create(title="noted")
        return "noted"


@task(soft_time_limit=1)
async def overstay_in_a_coroutine_then_note(user):
    try:
        await sync_to_async(_overstay)()
    except SoftTimeLimitExceeded:
        await user.posts.acreate(title="noted")
        return "noted"


@task(soft_time_limit=1, atomic=True)
def overstay_in_the_transaction_of_the_row(user):
    try:
        _overstay()
    except SoftTimeLimitExceeded:
        user.posts.create(title="noted")
        return "noted"


@task(soft_time_limit=1)
def overstay_between_rows_then_note(user):
    """Read rows as they come, from a cursor on the server."""
    try:
        with connection.chunked_cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05 + n / 10 * 600) FROM generate_series(1, 20) n")
            cursor.fetchmany(5)
            cursor.fetchmany(10)
    except SoftTimeLimitExceeded:
        user.posts.create(title="noted")
        return "noted"
