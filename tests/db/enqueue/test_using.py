"""``task.using()``: the same verbs, for rows with other options."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.execution import expiry
from boogie.apps.tasks.testing import travel
from tests.db.coroutines.test_verbs import awaited
from tests.project.shop.models import Product
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def ada():
    return get_user_model().objects.create(username="ada")


look = declared(lambda product, n=0: product.name, queue="declared", priority=3)
plain = declared(lambda product: product.name)


def every_row(task, product):
    """Return a row of each verb."""
    assert task.call(product) == "pen"
    called = Task.objects.latest("pk")
    made = [task.delayed(product), task.paused(product), task.schedule(5, product)]
    made += [*task.each([product]), *task.each.paused([product])]
    made += [*task.each.schedule(5, Product.objects.all())]
    assert len(made) == 6
    return [called, *made]


def places(rows):
    return {(row.queue, row.priority) for row in rows}


def test_every_verb_makes_rows_with_other_options(product):
    rows = every_row(look.using(queue="quick", priority=9), product)
    assert places(rows) == places(Task.objects.all()) == {("quick", 9)}
    assert places(every_row(look, product)) == {("declared", 3)}


@pytest.mark.django_db(transaction=True)
@awaited
async def test_every_awaited_verb_makes_rows_with_other_options(product):
    quick = look.using(queue="quick", priority=9)
    assert await quick.acall(product) == "pen"
    await quick.adelayed(product)
    await quick.apaused(product)
    await quick.aschedule(5, product)
    await quick.aeach([product])
    await quick.aeach.paused([product])
    await quick.aeach.schedule(5, [product])
    rows = [row async for row in Task.objects.all()]
    assert len(rows) == 7
    assert places(rows) == {("quick", 9)}


def test_what_is_not_given_stays_as_declared(product, ada):
    assert places(every_row(look.using(), product)) == {("declared", 3)}
    assert places([look.using(queue="quick").delayed(product)]) == {("quick", 3)}
    assert places([look.using(priority=0).delayed(product)]) == {("declared", 0)}
    row = look.using(requested_by=ada).delayed(product)
    assert places([row]) == {("declared", 3)}
    assert row.requested_by == ada


def test_none_is_as_if_the_task_had_declared_nothing(product):
    usual = plain.delayed(product)
    row = look.using(queue=None).using(priority=None).delayed(product)
    assert row.priority == usual.priority == 0
    assert row.queue == usual.queue
    assert look.using(requested_by=None).delayed(product).requested_by is None


def test_using_of_using_has_both_and_the_last_word_counts(product, ada):
    first = look.using(queue="quick", priority=9)
    row = first.using(requested_by=ada, priority=1).delayed(product)
    assert (row.queue, row.priority, row.requested_by) == ("quick", 1, ada)
    assert places([first.delayed(product)]) == {("quick", 9)}


def test_rows_that_the_body_makes_are_as_declared(product):
    @declared
    def parent(product):
        look.delayed(product)

    parent.using(queue="quick", priority=9).call(product)
    work(parent.using(queue="quick", priority=9).delayed(product))
    assert places(look.tasks()) == {("declared", 3)}


def test_another_queue_goes_before_routes(product, settings):
    settings.CELERY_TASK_ROUTES = {plain.name: {"queue": "routed"}}
    current_app.celery_app().conf.task_routes = settings.CELERY_TASK_ROUTES
    try:
        current_app.celery_app().amqp.__dict__.pop("router", None)
        assert plain.using(queue="quick").delayed(product).queue == "quick"
    finally:
        current_app.celery_app().conf.task_routes = None
        current_app.celery_app().amqp.__dict__.pop("router", None)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"retries": 1},
            TypeError,
            "using() takes no option retries; say max_retries=3, with autoretry_for",
        ),
        ({"batch": 1, "queue": "a"}, TypeError, "batch must be a Batch, not 1 of type int"),
        ({"countdown": 5}, TypeError, "no option countdown; say schedule(time, obj) in place of"),
        ({"priorty": 5}, TypeError, "no option priorty; is it 'priority'? It takes"),
        ({"time_limit": 5}, TypeError, "time_limit: it belongs to the task, as an option of @task"),
        ({"limits": []}, TypeError, "limits: it belongs to the task, as an option of @task(limits"),
        ({"link": print}, TypeError, "no option link; say a receiver of task_finished"),
        ({"priority": 10}, ValueError, "priority must be a whole number from 0 to 9, not 10"),
        ({"priority": True}, ValueError, "priority must be a whole number from 0 to 9"),
        ({"queue": ""}, ValueError, "queue must be a name, not ''"),
        ({"queue": 5}, ValueError, "queue must be a name, not 5"),
        ({"queue": "q" * 256}, ValueError, "at most 255 characters"),
    ],
)
def test_what_cannot_be_is_refused_before_there_is_an_object(options, error, words):
    with pytest.raises(error) as caught:
        look.using(**options)
    assert words in str(caught.value)
    assert look.name in str(caught.value)
    with pytest.raises(error):
        look.using(queue="quick").using(**options)


RESERVED = {"celery@here.celery.pidbox": "remote control", "celeryev": "event_exchange"}


@pytest.mark.parametrize("queue", RESERVED)
def test_a_queue_in_which_nobody_finds_rows_is_refused_on_boogie(queue, monkeypatch):
    monkeypatch.setattr(current_app, "is_boogie", lambda app: True)
    with pytest.raises(ValueError, match=RESERVED[queue]) as caught:
        look.using(queue=queue)
    assert str(caught.value).startswith(f"{look.name}: no worker finds rows in the queue {queue!r}")
    assert look.using(queue=f"{queue}.mine")
    monkeypatch.setattr(current_app, "is_boogie", lambda app: False)
    assert look.using(queue=queue)


# --- by when --------------------------------------------------------------------------


short = declared(lambda product: product.name, expires=60)


def waits(row):
    """Return for how long a row may wait, in seconds, from when it was made."""
    row.refresh_from_db()
    return None if row.expires is None else round((row.expires - row.created).total_seconds())


@pytest.mark.parametrize("expires", [600, 600.0, timedelta(minutes=10)])
@pytest.mark.parametrize("task", [look, short], ids=["declares none", "declares another"])
def test_a_call_may_expire_otherwise(product, task, expires):
    quick = task.using(expires=expires)
    rows = [quick.delayed(product), quick.paused(product)]
    rows += [*quick.each([product]), *quick.each.paused([product])]
    assert [waits(row) for row in rows] == [600] * 4
    later = [quick.schedule(3600, product), *quick.each.schedule(3600, [product])]
    later.append(quick.schedule(timezone.now() + timedelta(hours=1), product))
    assert [waits(row) for row in later] == [pytest.approx(4200, abs=5)] * 3
    assert waits(quick.using(expires=None).delayed(product)) is None
    assert waits(quick.using(queue="quick").delayed(product)) == 600
    assert quick.call(product) == "pen"
    assert waits(Task.objects.latest("pk")) is None


def test_a_call_may_expire_at_a_time(product):
    moment = timezone.now().replace(microsecond=0) + timedelta(days=1)
    row = short.using(expires=moment).schedule(5, product)
    assert row.expires == moment
    with timezone.override("Asia/Tokyo"):
        naive = timezone.make_naive(moment)
        assert look.using(expires=naive).delayed(product).expires == moment


def test_a_row_that_nobody_started_in_time_is_cancelled(product):
    row = look.using(expires=60).delayed(product)
    with travel(61):
        assert not work(row).is_finished
        expiry.expire(Task.objects.all())
    row.refresh_from_db()
    assert row.is_cancelled
    assert row.errors[-1]["type"] == "boogie.apps.tasks.exceptions.Expired"
    in_time = look.using(expires=60).delayed(product)
    with travel(59):
        assert work(in_time).is_finished


@pytest.mark.parametrize(
    ("expires", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        ("soon", TypeError),
        (True, TypeError),
        (datetime.max, ValueError),
        (datetime.min.replace(tzinfo=UTC), ValueError),
    ],
)
def test_an_expiry_that_cannot_be_is_refused(expires, error):
    with pytest.raises(error, match=f"{look.name}: expires must be"):
        look.using(expires=expires)


@pytest.mark.parametrize("when", [timedelta(days=365 * 4000), datetime(6000, 1, 1)], ids=str)
def test_a_row_that_would_expire_when_there_is_no_date_is_refused(product, when):
    with pytest.raises(ValueError, match=f"{look.name}: a row cannot expire after the year 9999"):
        look.using(expires=timedelta(days=365 * 5000)).schedule(when, product)
    assert not Task.objects.exists()


@pytest.mark.parametrize("user", ["ada", 5, True, Product(name="pen"), get_user_model()], ids=repr)
def test_what_is_no_user_is_refused_before_there_is_an_object(user):
    with pytest.raises(TypeError, match=f"{look.name}: requested_by must be a user, or None, not"):
        look.using(requested_by=user)


def test_a_lazy_user_is_not_read_before_there_is_a_row(product, ada):
    read = []
    lazy = SimpleLazyObject(lambda: read.append(ada) or ada)
    view = look.using(requested_by=lazy)
    assert read == []
    assert view.delayed(product).requested_by == ada


# --- the rest -------------------------------------------------------------------------


def test_refusals_of_a_call_are_the_same(product):
    with pytest.raises(TypeError, match="unexpected keyword"):
        look.using(queue="quick").delayed(product, nope=1)
    with pytest.raises(TypeError, match="must be a model instance"):
        look.using(queue="quick").call(5)
    assert not Task.objects.exists()


def test_it_costs_no_statement(product):
    look.delayed(product)
    with statements() as made:
        look.using(queue="quick", priority=9).delayed(product)
    assert [each.split()[0] for each in made] == ["INSERT"]


def test_the_run_itself_is_that_of_the_task(product):
    row = work(look.using(queue="quick").delayed(product))
    assert row.is_finished
    assert row in look.tasks()
