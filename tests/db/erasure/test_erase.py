"""A request for erasure: what rows carry goes, and that they were there stays."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

from boogie.apps.tasks import Schedule, Task, task_cancelled
from boogie.apps.tasks.deletion import unfinished
from boogie.apps.tasks.functions import telling
from boogie.apps.tasks.lifecycle import transitions, wiping
from boogie.apps.tasks.models import Wipe
from boogie.apps.tasks.models.columns import GIVEN
from boogie.apps.tasks.serialization.progress import Progress
from tests.project.press.models import Page, Review
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])

User = get_user_model()
SECRET = "anna@example.org"
ERROR = {"attempt": 3, "type": "ValueError", "message": SECRET, "traceback": SECRET, "worker": ""}
#: A row with something in every column that may tell of a person.
CARRIES = {
    "args": [SECRET],
    "kwargs": {"to": SECRET},
    "context": {"a.path": SECRET},
    "limits": {"a": SECRET},
    "log": [{"level": "INFO", "message": SECRET}],
    "progress": Progress(2, 4, SECRET, 0.5),
    "result": SECRET,
    "errors": [ERROR],
}


@declared(name="db.erasure.send")
def send(user, to=None):
    return f"sent to {to}"


@pytest.fixture
def anna():
    return User.objects.create_user("anna")


def told(row):
    """Return everything that a row says, as text."""
    return repr(Task.objects.values().get(pk=row.pk))


def test_what_ended_rows_carry_is_blanked_and_the_rest_stays(anna):
    rows = [stored(s, anna, name=send.name, **CARRIES) for s in ("finished", "failed", "cancelled")]
    before = {row.pk: Task.objects.values().get(pk=row.pk) for row in rows}

    assert Task.objects.for_object(anna).erase() == 3

    blank = {"args": [], "kwargs": {}, "context": {}, "limits": None, "log": [], "result": None}
    blank |= {"errors": [], "progress": Progress(2, 4, "", 0.5)}
    for row in rows:
        found = Task.objects.values().get(pk=row.pk)
        assert found.pop("erased") is not None
        assert {**found, "erased": None} == {**before[row.pk], **blank}
        assert SECRET not in told(row)


def test_every_column_is_either_blanked_or_known_to_tell_nothing():
    kept = {"id", "name", "content_type", "object_id", "object_db", "status", "attempt", "retries"}
    kept |= {"losses", "queue", "priority", "worker", "pid", "due", "not_before", "expires"}
    kept |= {"started", "ended", "rescue", "terminate", "progressed", "held_by", "parent_id"}
    kept |= {"error_type", "acknowledged", "acknowledged_by_id", "unique_running", "backend"}
    kept |= {"claims", "requested_by_id", "requested_by_name", *GIVEN}
    kept |= {"is_needed", "is_after", "batch_id"}

    assert {field.name for field in Task._meta.concrete_fields} == kept | wiping.BLANKED.keys()


def test_rows_that_wait_are_cancelled_first(anna):
    rows = [
        send.delayed(anna, to=SECRET),
        send.paused(anna, SECRET),
        send.schedule(9, anna, SECRET),
    ]
    heard = []

    def hear(sender, task, **extra):
        heard.append(task.pk)

    task_cancelled.connect(hear)
    try:
        assert Task.objects.for_object(anna).erase() == 3
    finally:
        task_cancelled.disconnect(hear)

    for row in rows:
        row.refresh_from_db()
        assert row.is_cancelled
        assert SECRET not in told(row)


@pytest.mark.parametrize("how", ["finish", "fail", "cancel_run"])
def test_one_that_runs_is_blanked_when_it_ends(anna, how):
    row = stored("running", anna, name=send.name, **{**CARRIES, "result": None})

    assert Task.objects.for_object(anna).erase() == 1
    assert SECRET in told(row)
    ends = {
        "finish": lambda rows: transitions.finish(rows, row, SECRET),
        "fail": lambda rows: transitions.fail(rows, row, ERROR),
        "cancel_run": lambda rows: transitions.cancel_run(rows, row, ERROR),
    }
    assert ends[how](Task.objects.all()) == 1

    assert SECRET not in told(row)
    row.refresh_from_db()
    assert row.is_ended
    assert row.ended is not None
    assert (row.args, row.kwargs, row.errors, row.result) == ([], {}, [], None)
    assert row.wipe == wiping.NOTHING
    assert row.error_type == ("ValueError" if how == "fail" else "")


@pytest.mark.parametrize("way", ["retry", "rescue"])
def test_one_that_goes_round_again_keeps_what_it_needs_until_it_has_ended(anna, way):
    row = stored("running", anna, name=send.name, kwargs={"to": SECRET})
    Task.objects.for_object(anna).erase()
    if way == "retry":
        transitions.retry(Task.objects.all(), row, ERROR, row.created)
    else:
        transitions.rescue(Task.objects.all(), row, ERROR, -1.0)

    work(row)

    assert row.is_finished
    assert SECRET not in told(row)


def test_one_that_is_cancelled_by_hand_is_blanked_at_once(anna):
    rows = [stored("running", anna, name=send.name, args=[SECRET]) for _ in range(3)]
    Task.objects.for_object(anna).erase()
    rows[0].cancel()
    assert [SECRET in told(row) for row in rows] == [False, True, True]
    assert not unfinished.left().exists()

    assert Task.objects.filter(status="running").cancel() == 2

    assert not any(SECRET in told(row) for row in rows)
    assert not Wipe.objects.exists()


def test_what_nobody_has_blanked_is_left_to_keepers(anna, monkeypatch):
    row = stored("running", anna, name=send.name, args=[SECRET])
    Task.objects.for_object(anna).erase()
    monkeypatch.setattr(wiping, "follow", lambda rows, found: None)  # killed before
    row.cancel()
    assert SECRET in told(row)

    assert unfinished.left().get().pk == row.pk
    unfinished.finish()

    assert SECRET not in told(row)
    assert not unfinished.left().exists()


def test_the_note_of_a_row_goes_once_that_has_ended(anna):
    row = stored("running", anna, name=send.name, args=[SECRET])
    Task.objects.for_object(anna).erase()
    assert not unfinished.left().exists()
    transitions.finish(Task.objects.all(), row, SECRET)

    assert unfinished.left().get().pk == row.pk
    unfinished.finish()

    assert not Wipe.objects.exists()


@pytest.mark.parametrize("atomic", [False, True])
def test_a_body_may_ask_for_the_erasure_of_its_own_row(anna, atomic):
    @declared(atomic=atomic)
    def forget(user, word):
        return [word, Task.objects.for_object(user).erase()]

    row = work(forget.delayed(anna, SECRET))

    assert row.is_finished
    assert (row.args, row.result) == ([], None)
    assert SECRET not in told(row)


def test_what_is_stored_encrypted_goes_as_well(anna, settings, monkeypatch):
    from cryptography.fernet import Fernet

    settings.BOOGIE_TASKS = {"ENCRYPTION_KEYS": [Fernet.generate_key().decode()]}

    secret = declared(lambda user, word: word)
    monkeypatch.setattr(type(secret), "encrypt", True)
    row = work(secret.delayed(anna, SECRET))
    assert row.result == SECRET

    assert Task.objects.for_object(anna).erase() == 1

    row.refresh_from_db()
    assert (row.args, row.result) == ([], None)


# --- who asked ----------------------------------------------------------------------------


def by(user):
    return {"requested_by_id": str(user.pk), "requested_by_name": user.username}


def test_a_user_of_another_database_is_somebody_else(anna):
    theirs = stored("finished", anna, **by(anna))
    Task.objects.filter(pk=theirs.pk).update(object_db="other")
    product = Product.objects.create(name="a")
    asked = stored("finished", product, **by(anna))
    namesake = User(pk=anna.pk, username="another")
    namesake._state.adding, namesake._state.db = False, "other"

    with override_settings(DATABASE_ROUTERS=["tests.db.erasure.test_erase.WhereItIs"]):
        assert Task.objects.for_object(namesake).erase() == 1

    for row in (theirs, asked):
        row.refresh_from_db()
        assert row.requested_by_id == str(anna.pk)


class WhereItIs:
    """Writes an object where it was read."""

    def db_for_write(self, model, instance=None, **hints):
        return instance._state.db if instance is not None else None


def test_of_a_user_it_is_forgotten_who_asked(anna):
    bert, product = User.objects.create_user("bert"), Product.objects.create(name="a")
    own = stored("finished", anna, **by(anna))
    others = [stored(status, product, args=[1], **by(anna)) for status in ("queued", "running")]
    berts = stored("finished", anna, **by(bert))

    assert Task.objects.for_object(anna).erase() == 2

    for row in (own, *others):
        row.refresh_from_db()
        assert (row.requested_by_id, row.requested_by_name) == ("", "")
    assert [row.status for row in others] == ["queued", "running"]
    assert [row.args for row in others] == [[1], [1]]
    berts.refresh_from_db()
    assert berts.requested_by == bert


def test_a_user_without_rows_is_forgotten_as_well(anna):
    row = stored("finished", Product.objects.create(name="a"), **by(anna))

    assert Task.objects.for_object(anna).erase() == 0

    row.refresh_from_db()
    assert row.requested_by_name == ""


def test_schedules_forget_who_asked_for_their_rows(anna):
    bert, product = User.objects.create_user("bert"), Product.objects.create(name="a")
    made = [
        send.using(requested_by=user, name=user.username).repeat(timedelta(days=1), product)
        for user in (anna, bert)
    ]

    Task.objects.for_object(anna).erase()

    for one in made:
        one.refresh_from_db()
    assert [(one.requested_by, one.requested_by_name) for one in made] == [
        (None, ""),
        (bert, "bert"),
    ]
    assert made[0].run_now().requested_by_id == ""


def test_schedules_about_an_object_are_found(anna):
    made = send.repeat(timedelta(days=1), anna)
    send.repeat(timedelta(days=1), User.objects.create_user("bert"))
    assert Schedule.objects.for_object(anna).get() == made
    with pytest.raises(TypeError):
        Schedule.objects.for_object(None)


def test_of_some_of_the_rows_of_a_user_only_these_forget(anna):
    product = Product.objects.create(name="a")
    finished, failed = (stored(s, anna, **by(anna)) for s in ("finished", "failed"))
    elsewhere = stored("finished", product, **by(anna))

    assert Task.objects.for_object(anna).failed().erase() == 1
    assert Task.objects.failed().for_object(anna).erase() == 0

    for row in (finished, failed, elsewhere):
        row.refresh_from_db()
    assert [finished.requested_by_name, failed.requested_by_name] == ["anna", ""]
    assert elsewhere.requested_by_name == "anna"


def test_an_object_that_is_no_user_has_not_asked_for_anything(anna):
    Product.objects.create(name="a")
    product = Product.objects.first()
    Product.objects.filter(pk=product.pk).update(id=anna.pk)
    row = stored("finished", Product.objects.get(pk=anna.pk), **by(anna))

    Task.objects.for_object(Product.objects.get(pk=anna.pk)).erase()

    row.refresh_from_db()
    assert row.requested_by_name == "anna"


# --- which rows ---------------------------------------------------------------------------


def test_rows_of_every_class_of_the_object_are_erased():
    review = Review.objects.create(title="a")
    page = Page.objects.get(pk=review.pk)
    rows = [work(send.delayed(one, to=SECRET)) for one in (review, page)]

    assert page.tasks.erase() == 2

    assert [SECRET in told(row) for row in rows] == [False, False]


def test_rows_about_others_stay(anna):
    other = work(send.delayed(User.objects.create_user("bert"), to=SECRET))
    send.delayed(anna)

    anna.tasks.erase()

    assert SECRET in told(other)


def test_many_rows_are_erased_in_steps(anna, monkeypatch):
    from boogie.apps.tasks.models.objects import sets

    monkeypatch.setattr(sets, "CHUNK", 3)
    for _ in range(8):
        stored("finished", anna, args=[SECRET])

    assert Task.objects.filter(args=[SECRET]).erase() == 8


def test_it_takes_an_explicit_set():
    assert not hasattr(Task.objects, "erase")


def test_a_failed_row_that_was_erased_still_says_that_it_failed(anna):
    row = stored("failed", anna, **CARRIES)
    anna.tasks.erase()
    row.refresh_from_db()

    assert row.error is None
    with pytest.raises(Exception, match="failed"):
        row.wait(timeout=0)


# --- from the command line ----------------------------------------------------------------


def test_the_command_erases_also_of_users_who_are_deleted_already(anna, capsys):
    key = anna.pk
    work(send.delayed(anna, to=SECRET))
    asked = stored("finished", Product.objects.create(name="a"), **by(anna))
    anna.delete()

    call_command("boogie_tasks", "erase", "--object", f"blog.user:{key}", "--yes")

    assert capsys.readouterr().out == "erase: 2 row(s)\n"
    assert SECRET not in repr(list(Task.objects.values()))
    asked.refresh_from_db()
    assert asked.requested_by_name == ""


def test_with_another_filter_it_leaves_alone_what_the_user_asked_for(anna, capsys):
    stored("failed", anna, args=[SECRET])
    asked = stored("finished", Product.objects.create(name="a"), **by(anna))

    about = f"blog.user:{anna.pk}"
    call_command("boogie_tasks", "erase", "--object", about, "--status", "failed", "--yes")

    assert capsys.readouterr().out == "erase: 1 row(s)\n"
    asked.refresh_from_db()
    assert asked.requested_by_name == "anna"


# --- functions of Django Tasks ------------------------------------------------------------


@pytest.mark.parametrize("is_told", [False, True])
def test_a_function_that_runs_is_blanked_when_it_ends(monkeypatch, is_told):
    monkeypatch.setattr(telling, "is_told_of_success", lambda: is_told)
    row = Task.objects.get(pk=functions.add.enqueue(SECRET, b="y").id)
    add = functions.add.func

    def marked(*args, **kwargs):
        Task.objects.filter(pk=row.pk).erase()
        return add(*args, **kwargs)

    object.__setattr__(functions.add, "func", marked)
    try:
        work(row)
    finally:
        object.__setattr__(functions.add, "func", add)

    assert row.is_finished
    assert (row.args, row.result) == ([], None)
