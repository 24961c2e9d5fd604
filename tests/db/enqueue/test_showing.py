"""What Celery shows as arguments of a row: its object, and no secret."""

from datetime import timedelta

import pytest
from django.utils import timezone

from boogie.apps.tasks import Task, registry
from boogie.apps.tasks.enqueue import one, showing
from boogie.apps.tasks.keeper import ring
from boogie.apps.tasks.transport import delivery
from tests.project.shop import functions
from tests.project.shop.models import Label, Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

plain = declared(lambda product, *args, **kwargs: None)
secret = declared(lambda product, token, note="", **more: None, sensitive=("token", "pin"))


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def shown(task, product, *args, **kwargs):
    return showing.of_row(task.paused(product, *args, **kwargs))


def test_the_object_stands_first(product):
    about = f"shop.product:{product.pk}"
    assert shown(plain, product) == (f"({about},)", "{}")
    assert shown(plain, product, 1, "two", n=[3]) == (f"({about}, 1, 'two')", "{'n': [3]}")


def test_what_is_sensitive_is_masked_wherever_it_stands(product):
    args, kwargs = shown(secret, product, "hunter2", note="not hunter2", pin=7, free=True)
    assert args == f"(shop.product:{product.pk}, '••••')"
    assert kwargs == "{'note': 'not ••••', 'pin': '••••', 'free': True}"


def test_a_secret_is_not_cut_in_two(product):
    _, kwargs = shown(secret, product, "hunter2", note="x" * (showing.LONGEST - 4) + "hunter2")
    assert "hunt" not in kwargs


def test_what_is_long_is_cut_short(product):
    for task in (plain, secret):
        found = shown(task, product, "x" * 10_000, note="y" * 10_000)
        assert all(len(text) <= showing.LONGEST + 3 for text in found)


def test_on_boogie_the_message_has_the_object_and_no_argument_was_read(product):
    row = plain.schedule(0, product, "pdf")
    (reserved,) = delivery.reserve_rows([row.queue], 1)
    headers = reserved.message["headers"]
    assert (headers["argsrepr"], headers["kwargsrepr"]) == (f"(shop.product:{product.pk}, …)", "…")


@pytest.fixture
def rung(monkeypatch):
    """The rows that the keeper rings."""
    rows = []
    monkeypatch.setattr(ring.doorbell, "ring", lambda found: rows.extend(found) or [])
    monkeypatch.setattr(ring.inspect, "depth", lambda queue: 0)
    return rows


def test_the_keeper_tells_the_object_too(product, rung):
    row = plain.schedule(0, product)
    assert ring._ring_queue(row.queue) == 1
    assert [one.shown.args for one in rung] == [f"(shop.product:{product.pk}, …)"]


def test_of_a_task_that_nobody_knows_here_no_argument_is_shown(product, monkeypatch):
    row = secret.paused(product, "hunter2")
    monkeypatch.setattr(registry, "get", lambda name: None)
    assert showing.of_row(row) == (f"(shop.product:{product.pk}, …)", "…")


# --- functions of Django Tasks, which all are one task of Celery ---------------------------

ADD = functions.add.module_path


def row_of(function, *args, **kwargs):
    return Task.objects.get(pk=function.enqueue(*args, **kwargs).id)


def due_row_of(function, *args):
    """Make a row that is due: with a broker it is not before its doorbell may be lost."""
    row = row_of(function, *args)
    Task.objects.filter(pk=row.pk).update(due=timezone.now() - timedelta(minutes=1))
    return row


def test_of_a_function_its_name_stands_where_others_have_their_object():
    assert showing.of_row(row_of(functions.add, "pdf", b=2)) == (f"({ADD}, …)", "…")
    assert showing.of_row(row_of(functions.unfit)) == (f"({functions.unfit.module_path},)", "{}")


def test_the_first_doorbell_of_a_function_names_it(monkeypatch):
    rung = []
    monkeypatch.setattr(one.doorbell, "ring", lambda rows: rung.extend(rows) or [])
    one._ring(row_of(functions.add, 1))
    assert [row.shown.args for row in rung] == [f"({ADD}, …)"]


def test_on_boogie_the_message_names_the_function():
    row = due_row_of(functions.add, 1)
    (reserved,) = delivery.reserve_rows([row.queue], 1)
    headers = reserved.message["headers"]
    assert headers["task"] == "boogie_tasks.function"
    assert (headers["argsrepr"], headers["kwargsrepr"]) == (f"({ADD}, …)", "…")


def test_the_keeper_names_the_function(rung):
    row = due_row_of(functions.add, 1)
    assert ring._ring_queue(row.queue) == 1
    assert [one.shown.args for one in rung] == [f"({ADD}, …)"]


def test_instances_are_shown_by_model_and_key(product):
    about = f"shop.product:{product.pk}"
    args, kwargs = shown(plain, product, product, [product, 1], to={"deep": product})
    assert (args, kwargs) == (f"({about}, {about}, [{about}, 1])", f"{{'to': {{'deep': {about}}}}}")
    args, kwargs = shown(secret, product, product, note=product)
    assert args == f"({about}, '••••')"
    row = Task.objects.get(pk=plain.paused(product, product).pk)
    assert showing.of_row(row).args == f"({about}, {about})"


def test_of_a_sensitive_instance_the_key_alone_is_secret(product):
    label = Label.objects.create(text="hunter-two")
    kwargs = shown(
        secret, product, label, note="the model shop.label in default: hunter-two"
    ).kwargs
    assert kwargs == "{'note': 'the model shop.label in default: ••••'}"
