"""Rows in the hands of what Django and others make of a model: forms, factories, validation."""

from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.contrib.contenttypes.models import ContentType
from django.forms.models import model_to_dict
from django.utils import timezone

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.lifecycle import states
from tests.project.shop.models import Product
from tests.support.rows import columns, stored
from tests.support.runs import by_worker, declared

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
STATUSES = [str(status) for status, _ in states.STATUS]

Form = forms.modelform_factory(Task, fields="__all__")


def submitted(row, **changes):
    """Return the form of a row as a browser sends it back."""
    shown = Form(instance=row)
    values = {name: shown[name].value() for name in shown.fields}
    hidden = {shown[name].html_initial_name: value for name, value in values.items()}
    sent = {**hidden, **values, **changes}
    return Form({name: value for name, value in sent.items() if value is not None}, instance=row)


# --- forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "fields",
    [{}, {"args": [1, NOON], "kwargs": {"at": NOON}, "queue": "q", "scheduled_for": NOON}],
    ids=["empty", "full"],
)
def test_an_unchanged_row_is_saved_by_its_form_as_it_was(status, fields):
    row = stored(status, **fields)
    before = columns(row)
    row = Task.objects.get()
    form = submitted(row)
    assert form.errors == {}
    assert not form.has_changed()
    form.save()
    assert columns(row) == before


def test_a_form_offers_what_is_not_the_machines_own():
    assert set(Form().fields) == {
        *("name", "content_type", "object_id", "object_db"),
        *("args", "kwargs", "queue", "priority"),
    }


def test_a_field_that_is_left_empty_has_the_value_of_a_new_row():
    form = Form(posted(Product.objects.create(name="pen"), args="", kwargs=""))
    assert form.errors == {}
    row = form.save()
    row.refresh_from_db()
    assert (row.args, row.kwargs) == ([], {})


CHANGES = {
    "name": "other",
    "object_id": "7",
    "object_db": "other",
    "args": "[2]",
    "kwargs": "{}",
    "queue": "other",
    "priority": "9",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_stored_row_is_not_edited_by_a_form(name):
    row = stored("paused", args=[1], kwargs={"a": 1}, queue="q")
    before = columns(row)
    form = submitted(row, **{name: CHANGES[name]})
    assert list(form.errors) == [name]
    assert "not edited" in form.errors[name][0]
    assert columns(row) == before
    assert getattr(form.instance, name) == before[name]


def test_what_python_takes_for_equal_changes_nothing_either():
    row = stored("paused", args=[1])
    form = submitted(row, args="[true]")
    form.is_valid() and form.save()
    assert repr(columns(row)["args"]) == "[1]"


def posted(product, **more):
    kind = ContentType.objects.get_for_model(product)
    data = {"name": "x", "content_type": kind.pk, "object_id": product.pk, "priority": 0}
    return {**data, "object_db": "default", **more}


def test_a_form_makes_a_row():
    product = Product.objects.create(name="pen")
    form = Form(posted(product))
    assert form.errors == {}
    row = form.save()
    row.refresh_from_db()
    assert row.is_paused
    assert row.object == product


# --- validation ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
def test_a_row_that_is_stored_is_valid(status):
    stored(status)
    Task.objects.get().full_clean()


def test_a_row_with_a_history_is_valid():
    @declared(bind=True, max_retries=1)
    def failing(self, product):
        raise self.retry(countdown=0, exc=ValueError("no"))

    row = by_worker(failing, Product.objects.create(name="pen"))
    assert row.is_failed
    Task.objects.get().full_clean()


def test_workers_and_messages_that_are_stored_are_valid():
    Worker.objects.create(id="w@h/1", host="h", pid=1)
    Message.objects.create(queue="q", payload="{}")
    Worker.objects.get().full_clean()
    Message.objects.get().full_clean()


# --- factories ----------------------------------------------------------------------------


def essentials():
    product = Product.objects.create(name="pen")
    kind = ContentType.objects.get_for_model(product)
    return {"name": "x", "content_type": kind, "object_id": str(product.pk)}


def is_now(moment):
    return abs(moment - timezone.now()) < timedelta(minutes=10)


@pytest.mark.parametrize(
    "make",
    [
        lambda **fields: Task.objects.create(**fields),
        lambda **fields: Task.objects.bulk_create([Task(**fields)])[0],
        lambda **fields: Task.objects.get_or_create(**fields)[0],
        lambda **fields: Task.objects.update_or_create(**fields)[0],
    ],
    ids=["create", "bulk_create", "get_or_create", "update_or_create"],
)
def test_a_row_is_made_from_what_it_is_about(make):
    row = make(**essentials())
    row.refresh_from_db()
    assert row.is_paused
    assert is_now(row.created)
    assert row.object == Product.objects.get()


def test_what_the_database_computed_is_there_at_once():
    row = Task(**essentials())
    row.full_clean()
    row.save()
    assert is_now(row.created)
    assert is_now(Worker.objects.create(id="w@h/1", host="h", pid=1).seen)
    assert is_now(Message.objects.create(queue="q", payload="{}").created)


def test_a_row_that_was_saved_again_keeps_when_it_was_made():
    row = Task.objects.create(**essentials())
    created = Task.objects.get().created
    row.priority = 3
    row.save()
    assert Task.objects.get().created == created
    assert Task.objects.get().priority == 3


def test_the_latest_row_is_the_one_created_last():
    rows = [stored("paused", created=NOON + timedelta(minutes=n)) for n in (1, 2, 0)]
    assert Task.objects.latest() == rows[1]
    assert Task.objects.earliest() == rows[2]
    same = [stored("paused", created=NOON - timedelta(days=1)) for _ in range(3)]
    assert Task.objects.earliest() == min(same, key=lambda row: row.pk)
    assert Task.objects.filter(pk__in=[row.pk for row in same]).latest() == max(
        same, key=lambda row: row.pk
    )
    for model in (Worker, Message):
        with pytest.raises(model.DoesNotExist):
            model.objects.latest()


def test_a_row_can_be_turned_into_a_dict():
    row = stored("paused", args=[NOON])
    assert model_to_dict(row)["name"] == row.name
