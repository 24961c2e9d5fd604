"""dumpdata and loaddata bring back a row as it was: types, microseconds and the hour of autumn."""

import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.util import find_spec

import pytest
from django.core.management import call_command
from django.test import override_settings

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.db.clock import Moment
from tests.project.shop.models import Product
from tests.support.rows import columns, stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

#: Those of Django; YAML needs a library.
FORMATS = ["json", "jsonl", "xml", *(["yaml"] if find_spec("yaml") else [])]

VALUES = [
    datetime(2026, 7, 1, 12, 0, 0, 123456, UTC),
    datetime(2026, 7, 1, 12, 0, 0, 123456),
    date(2026, 7, 1),
    time(12, 0, 0, 654321),
    Decimal("1.10"),
    uuid.UUID(int=7),
    {"deep": [{"price": Decimal("0.1"), "at": datetime(2026, 7, 1, 1, 2, 3, 4, UTC)}]},
    ["", "1.10", "2026-07-01T12:00:00.123456Z", "ü ' \" \\ %s </field> <None/>"],
    [0.1, 2**70, True, None],
    1.5,
    "text",
    [],
    {},
]


def brought_back(kind, tmp_path, model=Task):
    """Dump everything there is of a model, delete it, and load it again."""
    file = tmp_path / f"rows.{kind}"
    call_command("dumpdata", model._meta.label, format=kind, output=str(file), verbosity=0)
    model.objects.all().delete()
    call_command("loaddata", str(file), verbosity=0)


def typed(value):
    """Return a value with the types of everything in it."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), repr(value)


@declared
def echo(product, *args, **kwargs):
    return args[0] if args else kwargs


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "value", VALUES, ids=[type(v).__name__ + str(n) for n, v in enumerate(VALUES)]
)
def test_arguments_and_results_come_back_as_they_went(kind, value, tmp_path):
    product = Product.objects.create(name="pen")
    row = work(echo.delayed(product, value, name=value))
    assert typed(row.args) == typed([value])
    before = columns(row)
    brought_back(kind, tmp_path)
    after = columns(row)
    for name in before:
        assert typed(after[name]) == typed(before[name]), name
    assert typed(echo.results(product)[0]) == typed(value)


@pytest.mark.parametrize("kind", ["json", "jsonl"])  # XML is read without our marks
def test_floats_that_a_database_would_take_for_integers_stay_floats(kind, tmp_path):
    product = Product.objects.create(name="pen")
    for value in ([1e300, -0.0], 1e16):
        row = work(echo.delayed(product, value))
        brought_back(kind, tmp_path)
        row.refresh_from_db()
        assert typed([row.args, row.result]) == typed([[value], value])


@pytest.mark.parametrize("kind", FORMATS)
def test_a_row_that_was_loaded_goes_on(kind, tmp_path):
    product = Product.objects.create(name="pen")
    row = echo.delayed(product, Decimal("1.10"))
    brought_back(kind, tmp_path)
    assert work(Task.objects.get(pk=row.pk)).get_result() == Decimal("1.10")


@pytest.mark.parametrize("kind", FORMATS)
def test_errors_and_times_come_back_as_they_went(kind, tmp_path):
    @declared
    def failing(product):
        raise ValueError("ü \\ %s \x07")

    row = work(failing.delayed(Product.objects.create(name="pen")))
    before = columns(row)
    if kind == "xml":  # it has no words for a control character
        Task.objects.update(errors=[{**before["errors"][0], "message": "", "traceback": ""}])
        before = columns(row)
    brought_back(kind, tmp_path)
    assert columns(row) == before
    assert before["errors"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("fold", [0, 1])
@override_settings(USE_TZ=False, TIME_ZONE="Europe/Berlin")
def test_a_time_of_the_hour_that_autumn_repeats_comes_back(kind, fold, tmp_path):
    moment = datetime(2026, 10, 25, 2, 30, 0, 123456, fold=fold)
    row = stored("queued", created=moment, due=moment, not_before=moment)
    exact = Task.objects.values("created", "due", "not_before")
    before = [(at, at.fold) for at in exact.get(pk=row.pk).values()]
    assert before == [(moment, fold)] * 3
    brought_back(kind, tmp_path)
    assert [(at, at.fold) for at in exact.get(pk=row.pk).values()] == before


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("model", [Worker, Message])
def test_workers_and_messages_come_back(kind, model, tmp_path):
    if model is Worker:
        model.objects.create(id="w@h/1", host="h", pid=1, software={"celery": "5.7"})
    else:
        model.objects.create(queue="q", payload='{"a": "ü"}', created=Moment())
    before = model.objects.values().get()
    brought_back(kind, tmp_path, model)
    assert model.objects.values().get() == before
