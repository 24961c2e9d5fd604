"""The model in forms, factories and serializers: what works, and what says why it does not."""

import datetime
import math
from decimal import Decimal

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldError, ValidationError
from django.db import IntegrityError, transaction
from django.forms import model_to_dict, modelform_factory
from django.utils import timezone

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.lifecycle import states
from tests.db.models.test_constraints import INCOHERENT
from tests.project.shop.models import Bargain, Label, Order, Product
from tests.support.rows import columns, stored
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)
STATUSES = [status for status, _ in states.STATUS]
every_status = pytest.mark.parametrize("status", STATUSES)

TaskForm = modelform_factory(Task, fields="__all__")
WorkerForm = modelform_factory(Worker, fields="__all__")
MessageForm = modelform_factory(Message, fields="__all__")

double = declared(lambda product, number=1, **more: number * 2)


def about(obj):
    """Return what a factory says of an object, and nothing else."""
    kind = ContentType.objects.get_for_model(obj, for_concrete_model=False)
    return {"name": double.name, "content_type": kind, "object_id": str(obj.pk)}


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def posted(form):
    """Return what a browser sends for a form that nobody has changed."""
    sent = {}
    for bound in form:
        value = bound.field.widget.format_value(bound.value())
        sent[bound.html_name] = value[0] if isinstance(value, list) else value
        if bound.field.show_hidden_initial:
            sent[bound.html_initial_name] = sent[bound.html_name]
    return sent


# --- forms ----------------------------------------------------------------------------


@every_status
def test_a_form_that_nobody_has_changed_is_valid_and_changes_nothing(status):
    row = stored(status, args=[AT, 1e20], kwargs={"price": Decimal("1.10")}, scheduled_for=AT)
    before = columns(row)
    row = Task.objects.get(pk=row.pk)
    form = TaskForm(posted(TaskForm(instance=row)), instance=row)
    assert form.is_valid(), form.errors
    assert not form.has_changed()
    form.save()
    assert columns(row) == before


def test_a_form_asks_for_what_a_user_can_change_alone():
    given = {"name", "content_type", "object_id", "object_db", "args", "kwargs", "queue"}
    assert TaskForm.base_fields.keys() == {*given, "priority"}
    assert not {"started", "seen", "listening", "created"} & {
        *WorkerForm.base_fields,
        *MessageForm.base_fields,
    }


@pytest.mark.parametrize("name", ["status", "due", "started", "ended", "result", "created"])
def test_a_form_for_a_field_of_the_machine_is_refused(name):
    with pytest.raises(FieldError, match="non-editable"):
        modelform_factory(Task, fields=[name])


def test_a_form_makes_a_paused_row_that_runs(pen):
    data = {**about(pen), "args": "[4]", "kwargs": "", "priority": 3, "object_db": "default"}
    data["content_type"] = data["content_type"].pk
    form = TaskForm({**data, "queue": "celery"})
    assert form.is_valid(), form.errors
    row = form.save()
    assert (row.args, row.kwargs, row.status) == ([4], {}, "paused")
    assert row.run()
    assert work(row).get_result() == 8


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("args", "[NaN]"),
        ("args", "{}"),
        ("args", "null"),
        ("args", "[1"),
        ("args", '{"__type__": "nobody\'s", "__value__": 1}'),
        ("args", '[{"__type__": "datetime", "__value__": "soon"}]'),
        ("args", '[{"__type__": "uuid", "__value__": 1}]'),
        ("kwargs", "[]"),
        ("kwargs", '{"a": "\\u0000"}'),
        ("priority", "10"),
        ("object_db", "elsewhere"),
    ],
)
def test_a_form_refuses_what_no_call_of_a_task_would_have_taken(name, text):
    row = stored("paused", args=[1], kwargs={"a": 1})
    form = TaskForm({**posted(TaskForm(instance=row)), name: text})
    if (name, text) == ("args", "null"):  # as if it were left empty
        assert form.is_valid()
        return
    assert not form.is_valid()
    assert form.errors.keys() & {name, "__all__"}, form.errors
    assert str(form)


def test_model_to_dict_has_the_values_themselves(pen):
    row = Task.objects.get(pk=stored("paused", pen, args=[AT], kwargs={"a": Decimal("1.10")}).pk)
    found = model_to_dict(row)
    assert (found["args"], found["kwargs"]) == ([AT], {"a": Decimal("1.10")})
    assert "status" not in found
    copy = Task(**{**found, "content_type": row.content_type})
    copy.full_clean()
    copy.save()
    assert Task.objects.get(pk=copy.pk).args == [AT]


# --- factories ------------------------------------------------------------------------


def recent(moment):
    return abs(timezone.now() - moment) < datetime.timedelta(minutes=1)


def test_a_row_needs_its_task_and_its_object_alone(pen):
    row = Task.objects.create(**about(pen))
    assert recent(row.created)
    assert recent(columns(row)["created"])
    assert (row.status, row.args, row.kwargs, row.object) == ("paused", [], {}, pen)


@pytest.mark.parametrize("model", [Product, Bargain, Order])
def test_a_row_may_be_made_with_its_object(model):
    obj = model.objects.create()
    row = Task.objects.create(name=double.name, object=obj)
    row = Task.objects.get(pk=row.pk)
    assert row.object == obj
    assert type(row.object) is model
    assert list(double.tasks(obj)) == [row]


@pytest.mark.parametrize(("obj", "error"), [("pen", TypeError), (Product(), ValueError)])
def test_what_no_task_can_be_about_is_no_object_of_a_row(obj, error):
    with pytest.raises(error, match=r"Task\.object"):
        Task(name=double.name, object=obj)


def test_rows_made_by_bulk_create_need_no_more(pen):
    rows = Task.objects.bulk_create([Task(**about(pen)), Task(**about(pen), created=AT)])
    assert recent(rows[0].created)
    assert [columns(row)["created"] == AT for row in rows] == [False, True]


def test_get_or_create_and_update_or_create_make_rows(pen):
    row, made = Task.objects.get_or_create(**about(pen))
    assert made
    assert Task.objects.get_or_create(**about(pen)) == (row, False)
    again, made = Task.objects.update_or_create(**about(pen), defaults={"priority": 5})
    assert (again, made) == (row, False)
    assert columns(row)["priority"] == 5


def test_update_or_create_writes_what_it_was_told_alone(pen):
    row = double.delayed(pen)
    with statements() as made:
        Task.objects.update_or_create(pk=row.pk, defaults={"priority": 5})
    (update,) = [text for text in made if text.startswith("UPDATE")]
    assert "due" not in update


def test_workers_and_messages_need_no_times():
    worker = Worker.objects.create(pk="w", host="h", pid=1)
    message = Message.objects.create(queue="q", payload="{}")
    for moment in (worker.started, worker.seen, message.created):
        assert recent(moment)


def test_latest_and_earliest_go_by_creation(pen):
    early, late = (Task.objects.create(**about(pen), created=AT.replace(year=y)) for y in (20, 21))
    assert Task.objects.latest() == late
    assert Task.objects.earliest() == early
    Worker.objects.create(pk="w", host="h", pid=1)
    Message.objects.create(queue="q", payload="{}")
    assert (Worker.objects.latest().pk, Message.objects.latest().queue) == ("w", "q")


@pytest.mark.parametrize("make", ["create", "bulk_create", "get_or_create", "save"])
def test_a_row_whose_fields_do_not_fit_its_status_is_refused_in_words(make, pen):
    fields = {**about(pen), "status": "finished"}
    makers = {
        "create": lambda: Task.objects.create(**fields),
        "bulk_create": lambda: Task.objects.bulk_create([Task(**fields)]),
        "get_or_create": lambda: Task.objects.get_or_create(**fields),
        "save": lambda: Task(**fields).save(),
    }
    words = "finished or failed one both and 'ended'"
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        makers[make]()


def test_an_integrity_error_of_another_kind_keeps_its_own_words(pen):
    row = Task.objects.create(**about(pen))
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Task(**about(pen), pk=row.pk).save(force_insert=True)
    assert "fit its status" not in str(caught.value)


# --- writing what is the machine's ----------------------------------------------------


def _by_assignment(row):
    row.status = "cancelled"
    row.save()


def _by_setattr_of_a_fresh_one(row):
    fresh = Task.objects.defer("status").get(pk=row.pk)
    assert fresh.is_queued
    fresh.status = "cancelled"
    fresh.save()


WRITERS = {
    "save()": _by_assignment,
    "save() of a row that was read": _by_setattr_of_a_fresh_one,
    "update_fields": lambda row: row.save(update_fields=["status"]),
    "update_or_create()": lambda row: Task.objects.update_or_create(
        pk=row.pk, defaults={"status": "cancelled"}
    ),
    "bulk_update()": lambda row: Task.objects.bulk_update([row], ["status", "priority"]),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_writing_the_status_is_refused_and_names_the_verbs(writer, pen):
    row = double.delayed(pen)
    with pytest.raises(ValueError, match=r"save\(\) does not change status .*run\(\), pause\(\)"):
        WRITERS[writer](row)
    assert columns(row)["status"] == "queued"


def test_a_status_that_was_assigned_is_forgotten_by_reading_it_anew(pen):
    row = double.delayed(pen)
    row.status = "cancelled"
    row.refresh_from_db()
    row.save()
    row.status = "cancelled"
    assert row.pause()
    row.save()
    assert columns(row)["status"] == "paused"


def test_a_save_of_another_field_is_no_write_of_the_status(pen):
    row = double.delayed(pen)
    row.status, row.priority = "cancelled", 7
    row.save(update_fields=["priority"])
    assert (columns(row)["priority"], columns(row)["status"]) == (7, "queued")


def test_the_status_that_a_row_has_may_be_assigned(pen):
    row = double.delayed(pen)
    row.status = "queued"
    row.save()


def test_a_time_that_was_given_is_saved(pen):
    row = double.paused(pen)
    row.scheduled_for = AT
    row.save()
    assert columns(row)["scheduled_for"] == AT


# --- full_clean() ---------------------------------------------------------------------


@every_status
def test_a_stored_row_of_every_status_is_valid(status):
    Task.objects.get(pk=stored(status).pk).full_clean()


@pytest.mark.parametrize("make", [double.delayed, double.paused, double.call])
def test_a_row_made_by_its_task_is_valid(make, pen):
    make(pen, 2)
    row = Task.objects.get()
    row.full_clean()
    before = columns(row)
    row.save()
    assert columns(row) == before


@pytest.mark.parametrize(
    "obj", [lambda: Order.objects.create(), lambda: Label.objects.create(pk="a")]
)
def test_a_row_about_an_object_with_any_key_is_valid_even_when_the_object_is_gone(obj):
    obj = obj()
    double.schedule(60, obj)
    obj.delete()
    Task.objects.get().full_clean()


def test_a_row_that_is_not_stored_yet_is_valid(pen):
    row = Task(**about(pen))
    row.full_clean()
    row.save()
    assert recent(row.created)


def test_stored_workers_and_messages_are_valid():
    Worker.objects.create(pk="w", host="h", pid=1)
    Message.objects.create(queue="q", payload="{}")
    Worker.objects.get().full_clean()
    Message.objects.get().full_clean()


@pytest.mark.parametrize(("status", "changes"), INCOHERENT)
def test_an_incoherent_row_is_invalid(status, changes):
    row = Task.objects.get(pk=stored(status).pk)
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(ValidationError):
        row.full_clean()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"args": {}}, "must be a list"),
        ({"kwargs": [1]}, "must be a dict"),
        ({"args": None}, "null"),
        ({"args": [math.nan]}, "float nan"),
        ({"args": [object()]}, "a object"),
        ({"kwargs": {1: 2}}, "not text"),
        ({"object_db": "elsewhere"}, "no 'elsewhere'"),
        ({"object_id": "pencil"}, "integer"),
        ({"priority": 10}, "less than or equal to 9"),
        ({"priority": -1}, "greater than or equal to 0"),
        ({"name": ""}, "blank"),
        ({"content_type_id": 10**6}, "not a valid choice|does not exist"),
    ],
)
def test_a_row_that_no_task_would_make_is_invalid_in_words(changes, words, pen):
    row = Task.objects.create(**about(pen))
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(ValidationError, match=words):
        row.full_clean()
