"""One field finds rows by what people have in hand."""

import uuid

import pytest
from django.contrib.auth import get_user_model

from boogie.apps.tasks import Task
from boogie.apps.tasks.monitoring import search, walking
from boogie.apps.tasks.monitoring.filters import FilterError, Filters
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])


@declared(name="db.search.paint")
def paint(obj, fails=False):
    if fails:
        raise LookupError("no brush")


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def found(text):
    filters = Filters.parse({"q": text})
    rows = set(filters.apply(Task.objects.all()))
    looked = walking.look(filters, ("-pk",), 50)
    assert (set(looked.rows), looked.exhausted) == (rows, True)
    assert Filters.parse(filters.as_dict()) == filters
    return rows


def test_a_row_is_found_by_its_id_a_part_in_front_or_its_last_characters(pen):
    first = stored("queued", pk=uuid.UUID("01a20000-1111-7000-8000-0000deadbeef"))
    second = stored("queued", pk=uuid.UUID("01a20000-2222-7000-8000-0000deadbeef"))
    paint.delayed(pen)
    assert found(str(first.pk)) == found(first.pk.hex) == {first}
    assert found(str(first.pk).upper()) == {first}
    assert found("01a20000-2") == found("01a200002") == {second}
    assert found("01a20000") == {first, second}
    assert found("deadbeef") == {first, second}
    assert found("deadbee0") == set()


def test_an_id_that_there_is_not_finds_nothing(pen):
    paint.delayed(pen)
    assert found(str(uuid.uuid4())) == set()


def test_a_task_is_found_by_its_name_or_a_part_of_it(pen):
    row, old = paint.delayed(pen), stored("queued", name="gone.task")
    assert found("db.search.paint") == found("search.PAI") == {row}
    assert found("gone.task") == {old}  # nobody declares it any more


def test_an_object_is_found_by_model_and_key(pen):
    user = get_user_model().objects.create(username="ada")
    row = paint.delayed(user)
    paint.delayed(pen)
    assert found(f"blog.user:{user.pk}") == found(f"user:{user.pk}") == {row}
    assert found(f"user:{user.pk + 1}") == set()


def test_a_worker_and_a_type_of_error_are_found(pen):
    row = work(paint.delayed(pen, fails=True))
    other = stored("running", worker="worker@far/7")
    assert found("worker@far/7") == {other}
    assert found("LookupError") == found("builtins.LookupError") == {row}
    assert Filters.parse({"q": "LookupError"}).as_dict()["status"] == "failed"


def test_what_is_found_once_means_the_same_later(pen):
    filters = Filters.parse({"q": "paint"})
    assert set(filters.apply(Task.objects.all())) == set()
    row = paint.delayed(pen)
    assert set(filters.apply(Task.objects.all())) == {row}


def test_nothing_is_found_by_what_means_nothing(pen):
    paint.delayed(pen)
    assert found("nothing of ours") == set()
    assert found("'; --") == set()


@pytest.mark.parametrize("text", ["id=xyz", "tail=0g", "object=nothing:1", "id=" + "0" * 33])
def test_a_kind_with_what_it_cannot_have_is_refused(text):
    with pytest.raises(FilterError):
        Filters.parse({"q": text})


def test_a_text_is_part_of_the_sentence_about_rows():
    assert "“task=paint”" in Filters.parse({"q": "paint"}).in_words()
    assert search.id_bounds("task=paint") is None
