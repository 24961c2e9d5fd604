"""What dumpdata writes, loaddata brings back as it was: payloads, times, objects."""

import datetime
import importlib.util
import io
import json
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.management import call_command
from django.utils import timezone

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.serialization.progress import Progress
from tests.project.shop.models import Bargain, Product
from tests.support.rows import columns, stored
from tests.unit.test_payloads import same

pytestmark = pytest.mark.django_db

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)
VALUES = [
    AT,
    AT.replace(tzinfo=None),
    AT.replace(microsecond=0),
    AT.date(),
    AT.time(),
    AT.timetz(),
    uuid.UUID(int=7),
    Decimal("1.10"),
    Decimal("1E+3"),
    b"bytes",
    b"\xff\x00",
    1e20,
    -0.0,
    1e15,
    1e-7,
    2**70,
    True,
    None,
    "",
    " text ",
    "2026-01-02 03:04:05",
    "null",
    "<a>&amp;]]>\t\r\n\x01\x85\u2028\U0001f4a5",
    {},
    [],
    {"": {"deep": [AT, {"id": uuid.UUID(int=8), "price": Decimal("0.00")}]}},
]
ERROR = {"attempt": 1, "type": "builtins.ValueError", "message": "\x01 <b>\u2028", "at": "2026"}
HAS_YAML = importlib.util.find_spec("yaml") is not None
FORMATS = [
    "python",
    "json",
    "jsonl",
    "xml",
    pytest.param("yaml", marks=pytest.mark.skipif(not HAS_YAML, reason="PyYAML is missing")),
]
files = pytest.mark.parametrize("form", FORMATS[1:])


def row_with(value, **fields):
    return stored(
        "finished",
        args=[value, [value]],
        kwargs={"value": value},
        result=value,
        errors=[ERROR],
        created=AT,
        scheduled_for=AT,
        started=AT,
        ended=AT,
        **fields,
    )


def assert_same_row(before, after):
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert same(value, after[name]), (name, value, after[name])


def moved(form, path, *options):
    """Dump everything of ours to a file, delete it, and load the file."""
    file = path / f"rows.{form}"
    call_command("dumpdata", "boogie_tasks", *options, format=form, output=str(file), verbosity=0)
    for model in (Task, Worker, Message):
        model.objects.all().delete()
    call_command("loaddata", str(file), verbosity=0)


@files
def test_rows_with_all_that_may_travel_come_back_exactly(form, tmp_path):
    before = {row.pk: columns(row) for row in map(row_with, VALUES)}
    moved(form, tmp_path)
    for row in Task.objects.all():
        assert_same_row(before.pop(row.pk), columns(row))
    assert not before


PROGRESS = [Progress(0.0), Progress(1, 2, "<half>", 0.5), Progress(2**60, None, '"1"')]


@files
def test_rows_with_progress_come_back_exactly(form, tmp_path):
    before = {row.pk: columns(row) for row in (stored("running", progress=p) for p in PROGRESS)}
    moved(form, tmp_path)
    after = {row.pk: columns(row) for row in Task.objects.all()}
    assert after == before
    assert all(type(row["progress"]) is Progress for row in after.values())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("progress", PROGRESS, ids=repr)
def test_progress_is_one_before_it_is_saved(form, progress):
    written = serializers.serialize(form, [stored("running", progress=progress)])
    (came,) = serializers.deserialize(form, io.StringIO(written) if form == "jsonl" else written)
    assert came.object.progress == progress


@files
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_rows_of_every_status_come_back_exactly_in_any_time_zone(form, zone, tmp_path):
    before = {row.pk: columns(row) for row in (stored(status) for status, _ in states.STATUS)}
    with timezone.override(ZoneInfo(zone)):
        moved(form, tmp_path)
    assert {row.pk: columns(row) for row in Task.objects.all()} == before


@files
def test_times_come_back_exactly_without_time_zones(form, tmp_path, settings):
    settings.USE_TZ = False
    settings.TIME_ZONE = "Asia/Kolkata"
    row = stored("queued", created=datetime.datetime(2026, 1, 2, 3, 4, 5, 678901))
    before = columns(row)
    moved(form, tmp_path)
    assert columns(row) == before


@pytest.mark.parametrize(("dumped", "loaded"), [(False, True), (True, False)])
def test_a_fixture_may_be_loaded_where_use_tz_is_another(dumped, loaded, tmp_path, settings):
    settings.USE_TZ = dumped
    settings.TIME_ZONE = "Asia/Kolkata"
    local = datetime.datetime(2026, 1, 2, 8, 34, 5, 678901)
    row = stored("paused", created=AT if dumped else local)
    file = str(tmp_path / "rows.json")
    call_command("dumpdata", "boogie_tasks.task", output=file, verbosity=0)
    Task.objects.all().delete()
    settings.USE_TZ = loaded
    call_command("loaddata", file, verbosity=0)
    assert columns(row)["created"] == (AT if loaded else local)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_deserialized_row_has_the_values_before_it_is_saved(form, value):
    row = Task.objects.get(pk=row_with(value).pk)
    written = serializers.serialize(form, [row])
    if form == "jsonl":  # given as text, Django splits it in the middle of texts
        written = io.StringIO(written)
    (came,) = serializers.deserialize(form, written)
    names = ("args", "kwargs", "result", "errors", "created", "scheduled_for", "started", "ended")
    for name in names:
        assert same(getattr(row, name), getattr(came.object, name)), name


@pytest.fixture
def _other_content_types():
    yield
    ContentType.objects.clear_cache()


@files
@pytest.mark.usefixtures("_other_content_types")
def test_a_fixture_with_natural_keys_finds_content_types_with_other_ids(form, tmp_path):
    pen = Product.objects.create(name="pen")
    row = stored("paused", Bargain.objects.get(pk=pen.pk))
    file = tmp_path / f"rows.{form}"
    options = {"use_natural_foreign_keys": True, "format": form, "output": str(file)}
    call_command("dumpdata", "boogie_tasks.task", verbosity=0, **options)
    Task.objects.all().delete()
    kind = ContentType.objects.get_for_model(Bargain, for_concrete_model=False)
    ContentType.objects.filter(pk=kind.pk).delete()
    ContentType.objects.clear_cache()
    ContentType.objects.create(pk=kind.pk + 1000, app_label="shop", model="bargain")
    call_command("loaddata", str(file), verbosity=0)
    assert type(Task.objects.get(pk=row.pk).object) is Bargain


@files
def test_loading_over_a_row_takes_it_back_to_what_was_dumped(form, tmp_path):
    row = stored("queued", args=[AT])
    before = columns(row)
    file = tmp_path / f"rows.{form}"
    call_command("dumpdata", "boogie_tasks.task", format=form, output=str(file), verbosity=0)
    row.cancel()
    call_command("loaddata", str(file), verbosity=0)
    assert columns(row) == before


@files
def test_workers_and_messages_come_back_exactly(form, tmp_path):
    worker = Worker.objects.create(
        pk="w", host="h", pid=1, started=AT, seen=AT, software={"python": "3"}, listening=AT
    )
    message = Message.objects.create(queue="q", payload='{"a": "\\u0001"}', created=AT)
    moved(form, tmp_path)
    assert Worker.objects.values().get() == {
        name: getattr(worker, name) for name in Worker.objects.values().get()
    }
    assert Message.objects.get(pk=message.pk).created == AT


def test_a_dump_is_plain_json_as_it_is_stored():
    row = row_with(AT)
    (dumped,) = json.loads(serializers.serialize("json", [row]))
    assert dumped["fields"]["result"] == {"__type__": "datetime", "__value__": AT.isoformat()}


@pytest.mark.parametrize("value", [1e20, -0.0, 1e16, {"deep": [1e300]}], ids=repr)
def test_saving_a_row_that_was_read_leaves_its_floats_floats(value):
    row = stored("paused", args=[value])
    Task.objects.get(pk=row.pk).save()
    assert same([value], Task.objects.get(pk=row.pk).args)
