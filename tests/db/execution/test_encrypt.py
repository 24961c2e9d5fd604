"""``encrypt=True``: what rows carry is stored encrypted, and reads as plain values with the key."""

import copy
import io
import json
import logging
import pickle
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models.functions import Cast
from django.urls import reverse

from boogie.apps.tasks import BoogieTask, Task, TaskFailed, progress
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.live import states as live
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.operations import rekey
from boogie.apps.tasks.serialization import codec, sealing
from boogie.apps.tasks.serialization.secrets import MASK
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_call, by_worker, declared, now_due, work

pytestmark = pytest.mark.django_db(transaction=True)

NEW, OLD = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = "hunter-two"
COLUMNS = rekey.TABLES[Task]

logger = logging.getLogger(__name__)


def body(self, product, word, *more, fails=False, **rest):
    progress(1, 2, f"looking at {word}")
    logger.warning("it is %s", word)
    if fails and self.row.attempt == 1:
        raise self.retry(exc=LookupError(f"not with {word}"), countdown=0)
    if fails == "always":
        raise LookupError(f"never with {word}")
    return {"word": word, **rest}


guard = declared(body, bind=True, encrypt=True, log="INFO", max_retries=1)
plain = declared(body, bind=True, log="INFO", max_retries=1)


class Hidden(BoogieTask):
    encrypt = True

    def run(self, product, amount):
        return amount * 2

    def serialize_result(self, result):
        return {"amount": str(result)}

    def deserialize_result(self, data):
        return Decimal(data["amount"])


hidden = Hidden.as_task(name="tests.encrypt.hidden")
scalar = declared(lambda product, value: value, encrypt=True)
TASKS = [guard, hidden, scalar]
for one in TASKS:
    type(one).encrypt = False


@pytest.fixture(scope="module", autouse=True)
def _only_here():
    """Checks of the whole project, which has no keys, know nothing of tasks of this module."""
    for one in TASKS:
        type(one).encrypt = True
    yield
    for one in TASKS:
        type(one).encrypt = False


@pytest.fixture(autouse=True)
def keys(settings):
    """A function that changes the keys."""

    def change(*keys):
        settings.BOOGIE_TASKS = {"ENCRYPTION_KEYS": list(keys)}

    change(NEW)
    return change


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def raw(row):
    """Return the texts of the columns of a row, as they are stored."""
    texts = [Cast(name, models.TextField()) for name in COLUMNS]
    found = Task.objects.filter(pk=row.pk).values_list(*texts).get()
    return dict(zip(COLUMNS, found, strict=True))


def everything(row):
    return " ".join(filter(None, raw(row).values()))


# --- stored, and read -----------------------------------------------------------------


@both_worlds
def test_nothing_that_a_row_carries_can_be_read_in_the_database(pen, run):
    row = run(guard, pen, SECRET, fails=True, color="blue")
    assert row.is_finished
    assert SECRET not in everything(row)
    assert "blue" not in everything(row)
    stored = raw(row)
    for name in ("args", "kwargs", "result"):
        assert json.loads(stored[name]).keys() == {"__type__", "__value__"}
    for name in ("errors", "progress", "log"):
        assert codec.SEALED in stored[name]


@both_worlds
def test_with_the_key_python_reads_plain_values(pen, run):
    row = run(guard, pen, SECRET, fails=True, color="blue")
    assert (row.args, row.kwargs) == ([SECRET], {"fails": True, "color": "blue"})
    assert row.result == row.get_result() == {"word": SECRET, "color": "blue"}
    (error,) = row.errors
    assert error["message"] == f"not with {SECRET}"
    assert f"LookupError: not with {SECRET}" in error["traceback"]
    assert (error["type"], error["attempt"]) == ("builtins.LookupError", 1)
    assert row.progress.note == f"looking at {SECRET}"
    assert row.progress.done == 1
    assert {line["message"] for line in row.log} == {f"it is {SECRET}"}
    assert list(guard.results()) == [{"word": SECRET, "color": "blue"}]


def test_a_row_that_was_just_made_reads_like_any_other(pen):
    row = guard.delayed(pen, SECRET, color="blue")
    assert (row.args, row.kwargs) == ([SECRET], {"color": "blue"})
    assert SECRET not in everything(row)


@pytest.mark.parametrize("value", [None, 7, 1.5, True, "text", [1], {"a": 1}, Decimal("1.10")])
def test_values_come_back_as_they_went(pen, value):
    row = by_worker(scalar, pen, value)
    assert row.args == [value]
    assert row.result == value
    assert isinstance(row.result, type(value))
    assert json.loads(raw(row)["result"])["__type__"] == codec.SEALED


def test_hooks_for_results_see_plain_data(pen):
    row = by_worker(hidden, pen, Decimal("1.25"))
    assert row.get_result() == Decimal("2.50")
    assert "2.50" not in everything(row)


@pytest.mark.parametrize("make", ["each", "paused", "schedule", "using"])
def test_however_rows_are_made_their_arguments_are_encrypted(pen, make):
    made = {
        "each": lambda: guard.each(Product.objects.all(), SECRET).get(),
        "paused": lambda: guard.paused(pen, SECRET),
        "schedule": lambda: guard.schedule(timedelta(hours=1), pen, SECRET),
        "using": lambda: guard.using(requested_by=None).delayed(pen, SECRET),
    }[make]()
    row = Task.objects.get(pk=made.pk)
    assert row.args == [SECRET]
    assert SECRET not in everything(row)


def test_many_attempts_stay_encrypted_when_an_error_joins_them(pen):
    row = by_worker(guard, pen, SECRET, fails="always")
    assert row.is_failed
    assert [error["message"] for error in row.errors] == [
        f"not with {SECRET}",
        f"never with {SECRET}",
    ]
    assert SECRET not in everything(row)
    with pytest.raises(TaskFailed, match=f"LookupError: never with {SECRET}"):
        row.wait(0)


def test_a_retry_with_other_arguments_encrypts_these(pen):
    def again(self, product, word):
        if self.row.attempt == 1:
            raise self.retry((product, word * 2), countdown=0)
        return word

    task = declared(again, bind=True, encrypt=True)
    TASKS.append(task)
    row = by_worker(task, pen, SECRET)
    assert row.result == SECRET * 2
    assert row.args == [SECRET * 2]
    assert SECRET not in everything(row)


def test_saving_and_checking_a_row_leaves_its_arguments_encrypted(pen):
    row = Task.objects.get(pk=guard.paused(pen, SECRET).pk)
    row.full_clean()
    row.save()
    Task.objects.bulk_update([row], ["args", "kwargs"])
    assert SECRET not in everything(row)
    assert Task.objects.get(pk=row.pk).args == [SECRET]


def test_a_row_of_a_caller_that_keeps_nothing_is_as_it_was(pen):
    row = by_worker(plain, pen, "word", fails=True)
    assert codec.SEALED not in everything(row)


# --- tasks that change ----------------------------------------------------------------


def test_old_rows_of_a_task_that_encrypts_by_now_run_and_are_encrypted_from_then_on(
    pen, monkeypatch
):
    row = plain.delayed(pen, SECRET, fails=True)
    work(row)
    monkeypatch.setattr(type(plain), "encrypt", True)
    assert work(now_due(row)).result == {"word": SECRET}
    stored = raw(row)
    assert SECRET in stored["args"]
    assert SECRET not in stored["result"]


def test_old_rows_of_a_task_that_encrypts_no_more_stay_encrypted(pen, monkeypatch):
    row = guard.delayed(pen, SECRET, fails=True)
    work(row)
    monkeypatch.setattr(type(guard), "encrypt", False)
    assert work(now_due(row)).result == {"word": SECRET}
    assert SECRET not in everything(row)


# --- keys -----------------------------------------------------------------------------


def count():
    return Task.objects.count()


@pytest.mark.parametrize("way", ["delayed", "paused", "call", "each"])
def test_without_a_key_no_row_is_made(pen, keys, way):
    keys()
    given = [pen] if way == "each" else pen
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        getattr(guard, way)(given, SECRET)
    assert count() == 0


def test_what_is_no_key_makes_no_row(pen, keys):
    keys("not a key")
    with pytest.raises(ImproperlyConfigured, match=r"holds what is no key: .*32.*base64"):
        guard.delayed(pen, SECRET)
    assert count() == 0


def test_without_cryptography_no_row_is_made(pen, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.fernet", None)
    with pytest.raises(ImproperlyConfigured, match=r"django-boogie\[encryption\]"):
        guard.delayed(pen, SECRET)
    assert count() == 0


def test_every_key_reads_and_the_first_one_writes(pen, keys):
    keys(OLD)
    row = guard.delayed(pen, SECRET)
    keys(NEW, OLD)
    assert work(row).result == {"word": SECRET}
    stored = raw(row)
    assert sealing.fingerprint(OLD) in stored["args"]
    assert sealing.fingerprint(NEW) in stored["result"]


@pytest.mark.parametrize("left", [[NEW], []])
def test_a_run_whose_key_is_gone_fails_with_words_and_works_when_the_key_is_back(pen, keys, left):
    keys(OLD)
    row = guard.delayed(pen, SECRET, color="blue")
    before = raw(row)
    keys(*left)
    assert work(row).is_failed
    (error,) = row.errors
    assert "ENCRYPTION_KEYS" in error["message"]
    assert sealing.fingerprint(OLD) in error["message"]
    assert error["type"] == row.error_type == "django.core.exceptions.ImproperlyConfigured"
    after = raw(row)
    assert (after["args"], after["kwargs"]) == (before["args"], before["kwargs"])
    keys(NEW, OLD)
    assert row.retry()
    assert work(now_due(row)).result == {"word": SECRET, "color": "blue"}


def test_what_cannot_be_read_is_shown_as_nothing_and_stays_as_it_is(pen, keys):
    keys(OLD)
    row = by_worker(guard, pen, SECRET, fails="always")
    before = raw(row)
    keys(NEW)
    row = Task.objects.get(pk=row.pk)
    assert (repr(row.args), str(row.errors[0]["message"])) == (MASK, MASK)
    assert row.error == f"LookupError: {MASK}"
    with pytest.raises(ImproperlyConfigured, match=sealing.fingerprint(OLD)):
        list(row.args)
    row.save()
    assert raw(row) == before


def test_errors_that_cannot_be_read_outlive_another_failure(pen, keys):
    keys(OLD)
    row = guard.delayed(pen, SECRET, fails=True)
    work(row)
    keys(NEW)
    assert work(now_due(row)).is_failed
    keys(NEW, OLD)
    row.refresh_from_db()
    assert row.errors[0]["message"] == f"not with {SECRET}"
    assert "ENCRYPTION_KEYS" in row.errors[1]["message"]


def test_a_token_that_somebody_changed_is_told_from_a_key_that_is_gone(pen):
    row = guard.paused(pen, SECRET)
    token = json.loads(raw(row)["args"])["__value__"]
    broken = {"__type__": codec.SEALED, "__value__": token[:-6] + "AAAA=="}
    Task.objects.filter(pk=row.pk).update(args=broken)
    with pytest.raises(ImproperlyConfigured, match="changed what is stored"):
        list(Task.objects.get(pk=row.pk).args)


def test_the_result_of_a_row_that_cannot_be_read_says_so(pen, keys):
    row = by_worker(scalar, pen, 7)
    keys(OLD)
    row.refresh_from_db()
    with pytest.raises(ImproperlyConfigured, match=sealing.fingerprint(NEW)):
        row.get_result()


# --- another key ----------------------------------------------------------------------


def rekeyed():
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("boogie_tasks", "rekey", stdout=out, stderr=err)
    except SystemExit as end:
        return end.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_rekey_encrypts_every_row_with_the_first_key(pen, keys, monkeypatch):
    monkeypatch.setattr(rekey, "LOCKED", 2)
    monkeypatch.setattr(rekey, "READ", 3)
    keys(OLD)
    rows = [by_worker(guard, pen, SECRET, fails=True) for _ in range(5)]
    waiting = guard.paused(pen, SECRET)
    by_worker(plain, pen, f'"__type__": "{codec.SEALED}"')
    before = [Task.objects.get(pk=row.pk) for row in (*rows, waiting)]
    keys(NEW, OLD)
    code, out, _err = rekeyed()
    assert code == 0
    assert f"6 row(s) are encrypted with the key {sealing.fingerprint(NEW)} now" in out
    keys(NEW)
    for row in before:
        assert sealing.fingerprint(OLD) not in everything(row)
        after = Task.objects.get(pk=row.pk)
        for name in (*COLUMNS, "status", "attempt", "ended", "due"):
            assert getattr(after, name) == getattr(row, name)
    assert "0 row(s)" in rekeyed()[1]


def token_of(key, value, keys):
    keys(key)
    return codec.tree(sealing.Secret(value))


@pytest.mark.parametrize("outer", [OLD, NEW], ids=["old", "new"])
@pytest.mark.parametrize("column", COLUMNS)
def test_rekey_sees_what_is_encrypted_however_deep_and_within_what_is_encrypted(
    pen, keys, column, outer
):
    inner = {"deep": [token_of(OLD, 7, keys), {"a": [token_of(OLD, SECRET, keys)]}]}
    row = guard.paused(pen, SECRET)
    around = token_of(outer, inner, keys)
    Task.objects.filter(pk=row.pk).update(**{column: {"done": 1, "note": [around]}})
    keys(NEW, OLD)
    assert rekeyed()[0] == 0
    assert "0 row(s)" in rekeyed()[1]
    keys(NEW)
    stored = json.loads(raw(row)[column], cls=codec.Decoder)
    assert stored == {"done": 1, "note": [{"deep": [7, {"a": [SECRET]}]}]}


def test_rekey_sees_what_another_program_has_written_without_spaces(pen, keys):
    row = guard.paused(pen, SECRET)
    token = json.dumps(token_of(OLD, [SECRET], keys), separators=(",", ":"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE boogie_tasks_task SET args = %s", [token])
    keys(NEW, OLD)
    assert rekeyed()[0] == 0
    keys(NEW)
    assert Task.objects.get(pk=row.pk).args == [SECRET]


def test_rekey_says_what_it_cannot_read_and_goes_on(pen, keys):
    keys(OLD)
    lost = guard.paused(pen, SECRET)
    before = raw(lost)
    keys(NEW)
    guard.paused(pen, SECRET)
    other = Fernet.generate_key().decode()
    keys(other, NEW)
    code, out, err = rekeyed()
    assert code == 1
    assert "1 row(s) are encrypted" in out
    assert "1 cannot be read" in out
    assert str(lost.pk) in err
    assert sealing.fingerprint(OLD) in err
    assert raw(lost) == before


def test_rekey_without_a_key_is_refused(keys):
    keys()
    with pytest.raises(CommandError, match="ENCRYPTION_KEYS") as caught:
        rekeyed()
    assert caught.value.returncode == 2


def test_rekey_that_is_broken_off_is_done_with_by_the_next(pen, keys, monkeypatch):
    monkeypatch.setattr(rekey, "LOCKED", 1)
    keys(OLD)
    rows = [guard.paused(pen, SECRET) for _ in range(3)]
    keys(NEW, OLD)
    real, done = rekey._chunk, []

    def broken_off(*args):
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return real(*args)

    monkeypatch.setattr(rekey, "_chunk", broken_off)
    with pytest.raises(KeyboardInterrupt):
        rekey.every_row()
    monkeypatch.setattr(rekey, "_chunk", real)
    assert rekey.every_row().changed == 2
    assert all(sealing.fingerprint(OLD) not in everything(row) for row in rows)


# --- fixtures -------------------------------------------------------------------------


STORED = [None, 7, 1.5, True, "text", [1, {"a": "b"}], {"a": 1}, Decimal("1.10"), timedelta(1)]
forms = pytest.mark.parametrize("form", ["json", "jsonl", "python", "xml", "yaml"])


def moved(form, *rows):
    """Dump rows, delete them, and load what was dumped."""
    dumped = serializers.serialize(form, [Task.objects.get(pk=row.pk) for row in rows])
    Task.objects.all().delete()
    # Given as text, Django splits lines in the midst of texts.
    for one in serializers.deserialize(form, io.StringIO(dumped) if form == "jsonl" else dumped):
        one.save()
    return str(dumped)


@forms
@pytest.mark.parametrize("left", [[NEW], [OLD, NEW], [OLD], []], ids=["it", "old", "other", "none"])
def test_dumps_carry_what_is_stored_and_loading_them_needs_no_key(pen, keys, form, left):
    rows = [by_worker(guard, pen, SECRET, fails=True), by_worker(hidden, pen, Decimal("1.25"))]
    rows += [by_worker(scalar, pen, value) for value in STORED[1:]]
    before = [raw(row) for row in rows]
    values = [{name: getattr(row, name) for name in COLUMNS} for row in rows]
    keys(*left)
    assert SECRET not in moved(form, *rows)
    assert [raw(row) for row in rows] == before
    keys(NEW)
    after = [Task.objects.get(pk=row.pk) for row in rows]
    assert [{name: getattr(row, name) for name in COLUMNS} for row in after] == values


@forms
def test_what_was_dumped_and_loaded_outlives_another_key(pen, keys, form):
    keys(OLD)
    rows = [by_worker(scalar, pen, value) for value in STORED]
    moved(form, *rows)
    keys(NEW, OLD)
    assert rekeyed()[0] == 0
    keys(NEW)
    assert [Task.objects.get(pk=row.pk).get_result() for row in rows] == STORED


@forms
@pytest.mark.parametrize("value", STORED, ids=repr)
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_result_of_a_row_older_than_the_option_is_dumped_as_it_is_stored(
    pen, monkeypatch, form, value, is_sealed
):
    monkeypatch.setattr(type(scalar), "encrypt", not is_sealed)
    row = scalar.delayed(pen, value)
    monkeypatch.setattr(type(scalar), "encrypt", is_sealed)
    work(row)
    if not is_sealed:  # as nobody writes it, but who restores an old copy
        Task.objects.filter(pk=row.pk).update(result=codec.pack(value))
    before = raw(row)
    moved(form, row)
    after = raw(row)
    if value is None and form == "xml":  # Django asks no column for a None there
        before["result"] = after["result"]
    assert after == before
    assert Task.objects.get(pk=row.pk).result == value


@pytest.mark.parametrize("value", STORED, ids=repr)
def test_saving_a_row_leaves_all_that_it_carries_encrypted(pen, value):
    rows = by_worker(scalar, pen, value), by_worker(guard, pen, SECRET, fails=True)
    for row in rows:
        before = raw(row)
        Task.objects.get(pk=row.pk).save()
        assert raw(row) == before


@pytest.mark.parametrize("value", [8, "other", [2], {"b": 2}])
@pytest.mark.parametrize("before", [7, "text", [1], {"a": 1}])
def test_a_list_that_somebody_changes_is_encrypted_anew(pen, before, value):
    row = Task.objects.get(pk=scalar.paused(pen, before).pk)
    old = raw(row)
    row.args[0] = value
    row.save()
    assert sealing.is_token(raw(row)["args"])
    assert raw(row)["args"] != old["args"]
    assert Task.objects.get(pk=row.pk).args == [value]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))])
def test_a_copy_of_a_row_is_dumped_as_the_row_is(pen, again):
    rows = by_worker(guard, pen, SECRET, fails=True), by_worker(scalar, pen, "text")
    for row in (Task.objects.get(pk=row.pk) for row in rows):
        assert serializers.serialize("json", [again(row)]) == serializers.serialize("json", [row])


def test_dumps_of_rows_that_encrypt_nothing_ask_for_nothing(pen, keys, django_assert_num_queries):
    keys()
    row = Task.objects.get(pk=by_worker(plain, pen, "word").pk)
    row.result = 7
    with django_assert_num_queries(0):
        serializers.serialize("json", [row], use_natural_foreign_keys=False)


# --- who looks ------------------------------------------------------------------------


@pytest.fixture
def row(pen):
    return by_worker(guard, pen, SECRET, fails="always")


def test_commands_and_live_pages_show_nothing_of_it(row, capsys):
    call_command("boogie_tasks", "show", str(row.pk))
    call_command("boogie_tasks", "list")
    call_command("boogie_tasks", "list", "--json")
    said = capsys.readouterr().out
    assert SECRET not in said
    assert f"LookupError: {MASK}" in said
    told = json.dumps(live.describe_row(row, in_full=True), ensure_ascii=False)
    assert SECRET not in told
    assert MASK in describe.in_words(row)


def test_a_running_row_is_shown_with_its_bar_and_without_its_note(pen):
    row = guard.delayed(pen, SECRET)
    Task.objects.filter(pk=row.pk).update(
        status="running",
        started=Moment(),
        attempt=1,
        due=None,
        progress=by_worker(guard, pen, SECRET).progress
        and {"done": 1, "total": 2, "fraction": 0.5, "note": sealing.Secret(SECRET)},
    )
    out = io.StringIO()
    call_command("boogie_top", "--once", stdout=out)
    assert SECRET not in out.getvalue()


@pytest.mark.parametrize(
    "page", ["page", "list", "arguments", "result", "again", "failures", "finished"]
)
def test_the_admin_shows_nothing_of_it_to_nobody(row, pen, client, django_user_model, page):
    client.force_login(django_user_model.objects.create_superuser("root"))
    done = by_worker(guard, pen, SECRET)
    paths = {
        "page": reverse("admin:boogie_tasks_task_change", args=[row.pk]),
        "finished": reverse("admin:boogie_tasks_task_change", args=[done.pk]),
        "list": reverse("admin:boogie_tasks_task_changelist"),
        "arguments": reverse("admin:boogie_tasks_task_download", args=[row.pk, "arguments"]),
        "result": reverse("admin:boogie_tasks_task_download", args=[done.pk, "result"]),
        "again": reverse("admin:boogie_tasks_task_again", args=[row.pk]),
        "failures": reverse("admin:boogie_tasks_failures"),
    }
    answer = client.get(paths[page])
    assert answer.status_code == 200
    text = answer.content.decode()
    assert SECRET not in text
    assert "gAAAA" not in text
    if page not in ("list", "again"):
        assert MASK in text


# --- others ---------------------------------------------------------------------------


def test_searches_and_filters_by_task_status_and_type_of_error_work(row):
    found = Task.objects.failed().filter(name=guard.name, error_type="builtins.LookupError")
    assert found.get() == row


def test_a_call_in_a_process_of_its_own_needs_no_cryptography_for_plain_tasks(pen, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.fernet", None)
    assert by_call(plain, pen, "word").result == {"word": "word"}
    assert connection.is_usable()
