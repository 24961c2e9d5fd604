"""Model instances among the arguments: they travel as references, and arrive as fresh instances."""

import contextlib

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections
from django.test import override_settings
from django.utils.functional import SimpleLazyObject

from boogie.apps.tasks import ArgumentError, BoogieTask, ObjectGone, Task, TaskFailed
from boogie.apps.tasks.db.reading import instances as reading
from boogie.apps.tasks.serialization import instances
from tests.db.coroutines.test_verbs import awaited
from tests.db.serialization.test_objects import MAKERS
from tests.project.blog.models import User
from tests.project.shop.models import Bargain, Book, Coupon, Label, Order, Product, Seat
from tests.support.runs import both_worlds, by_worker, declared, now_due, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(databases=["default", "other"])

#: What the bodies of this module have got.
got = []


@pytest.fixture(autouse=True)
def nothing_got():
    got.clear()
    Product.objects.exists()  # content types, and connections, are as after the first rows
    yield
    got.clear()


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def others():
    return [Product.objects.create(name=name) for name in "abc"]


@declared
def transfer(product, to, also=(), *more, **named):
    got.append((to, also, more, named))


def reference(label, obj, database="default"):
    return {"__type__": "model", "__value__": [label, str(obj.pk), database]}


# --- there and back -------------------------------------------------------------------


@both_worlds
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_instance_arrives_anew_as_what_was_given(run, make, pen):
    given = make()
    row = run(transfer, pen, given, also=[{"deep": (given,)}])
    assert row.is_finished, row.errors
    ((to, also, _more, _named),) = got
    assert type(to) is type(given)
    assert to == given
    assert to is not given
    assert to._state.db == given._state.db
    assert not to.get_deferred_fields()
    assert also == [{"deep": [given]}]


@both_worlds
def test_it_is_read_when_the_row_runs_not_when_it_was_made(run, pen, others):
    one = others[0]
    Product.objects.filter(pk=one.pk).update(name="changed")
    run(transfer, pen, one)
    assert got[0][0].name == "changed"
    assert one.name == "a"


def test_instances_may_be_anywhere(pen, others):
    a, b, c = others
    row = by_worker(transfer, pen, a, [b, [c]], 5, c, key=b, deep={"x": [{"y": a}]})
    assert row.is_finished, row.errors
    assert got == [(a, [b, [c]], (5, c), {"key": b, "deep": {"x": [{"y": a}]}})]


@both_worlds
def test_lazy_objects_are_the_instances_behind_them(run, pen, others):
    lazy = SimpleLazyObject(lambda: others[0])
    assert run(transfer, pen, lazy, [lazy]).is_finished
    assert got[0][:2] == (others[0], [others[0]])
    assert type(got[0][0]) is Product


def test_every_row_of_each_has_the_same_instances(pen, others):
    rows = transfer.each(others, pen, also=[pen])
    for row in rows:
        assert work(row).is_finished
    assert got == [(pen, [pen], (), {})] * 3


def test_an_async_body_gets_instances(pen, others):
    @declared
    async def later(product, to):
        got.append((to, to.name))

    assert by_worker(later, pen, others[0]).is_finished
    assert got == [(others[0], "a")]


@pytest.mark.django_db(transaction=True)
@awaited
async def test_they_can_be_awaited(pen, others):
    await transfer.acall(pen, others[0])
    assert got[0][0] == others[0]
    row = await transfer.adelayed(pen, others[1])
    assert await row.aget_arguments() == ([others[1]], {})
    with pytest.raises(SynchronousOnlyOperation, match="await aget_arguments"):
        row.get_arguments()


@both_worlds
def test_a_retry_may_take_other_instances(run, pen, others):
    @declared(bind=True, max_retries=2)
    def handed_on(self, product, to, rest=()):
        got.append((to, rest))
        if rest:
            raise self.retry(args=(product, rest[0]), kwargs={"rest": rest[1:]}, countdown=0)
        if self.row.attempt == 3:
            raise self.retry(kwargs={}, countdown=0)

    row = run(handed_on, pen, others[0], rest=others[1:])
    assert row.is_failed  # the last one was one too many
    assert row.args == [reference("shop.product", others[2])]
    a, b, c = others
    assert got == [(a, [b, c]), (b, [c]), (c, [])]


@both_worlds
def test_hooks_get_instances(run, pen, others):
    class Hooked(BoogieTask):
        def run(self, product, to):
            raise LookupError(to.name)

        def before_start(self, task_id, args, kwargs):
            got.append(("before_start", *args, kwargs))

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            got.append(("on_failure", *args, kwargs))

    one = others[0]
    task = Hooked.as_task(name=f"tests.hooked_{run.__name__}")
    assert run(task, pen, to=one).error == "LookupError: a"
    assert got == [("before_start", pen, {"to": one}), ("on_failure", pen, {"to": one})]


def test_hooks_in_the_place_of_a_dead_process_get_instances(pen, others):
    from boogie.apps.tasks.execution import losses

    class Lost(BoogieTask):
        rescue = False

        def run(self, product, to):
            pass

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            got.append((*args, kwargs))

    task = Lost.as_task(name="tests.lost_with_instances")
    row = task.delayed(pen, others[0])
    Task.objects.filter(pk=row.pk).update(
        status="running", attempt=1, due=None, started=row.created, worker="gone@there/1"
    )
    row.refresh_from_db()
    losses.abandon(row, RuntimeError("killed"))
    assert got == [(pen, others[0], {})]


# --- what a row shows -----------------------------------------------------------------


def test_a_row_shows_references_and_gives_instances(pen, others):
    a, b, _ = others
    row = transfer.paused(pen, a, also=[b, 1])
    for each in (row, Task.objects.get(pk=row.pk)):
        assert each.args == [reference("shop.product", a)]
        assert each.kwargs == {"also": [reference("shop.product", b), 1]}
        assert each.get_arguments() == ([a], {"also": [b, 1]})
        each.full_clean()


def test_arguments_without_instances_are_got_as_they_are(pen):
    row = transfer.paused(pen, "model", also=[{"model": 1}])
    row.refresh_from_db()
    with statements() as made:
        assert row.get_arguments() == (["model"], {"also": [{"model": 1}]})
    assert made == []
    assert type(row.args) is list


def test_the_class_and_the_database_are_in_the_reference(pen):
    cheap = Bargain.objects.create(name="cheap")
    far = Product.objects.using("other").create(name="far")
    row = transfer.paused(pen, cheap, also=[far])
    assert row.args == [reference("shop.bargain", cheap)]
    assert row.kwargs == {"also": [reference("shop.product", far, "other")]}


def test_the_arguments_of_a_row_can_be_given_again(pen, others):
    row = transfer.paused(pen, others[0], also=[others[1]])
    row.refresh_from_db()
    again = transfer.paused(pen, *row.args, **row.kwargs)
    assert again.get_arguments() == ([others[0]], {"also": [others[1]]})
    assert (again.args, again.kwargs) == (row.args, row.kwargs)


def test_a_row_with_references_can_be_dumped_and_loaded(pen, others):
    from django.core import serializers

    row = transfer.paused(pen, others[0], also=[others[1]])
    text = serializers.serialize("json", [row])
    Task.objects.all().delete()
    for loaded in serializers.deserialize("json", text):
        loaded.save()
    stored = Task.objects.get(pk=row.pk)
    assert stored.get_arguments() == ([others[0]], {"also": [others[1]]})


# --- refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((Product(name="new"),), {}, r"argument 'to' .*the Product was never saved, or is deleted"),
        ((Product(pk=5),), {}, r"argument 'to' "),
        ((1, [0, Product()]), {}, r"argument 'also' .*at \[1\] the Product was never saved"),
        ((1, 2, Product()), {}, r"argument 'more\[0\]' "),
        ((1,), {"x": {"y": Product()}}, r"argument 'x' .*at \['y'\] the Product was never"),
        ((Label(text="x" * 256),), {}, r"argument 'to' "),
    ],
)
def test_an_unsaved_instance_is_refused_by_the_name_of_its_argument(pen, args, kwargs, words):
    for verb in (transfer.call, transfer.delayed, transfer.paused):
        with pytest.raises(ValueError, match=words) as caught:
            verb(pen, *args, **kwargs)
        assert isinstance(caught.value, ArgumentError)
    assert not Task.objects.exists()


def test_a_deleted_instance_is_refused(pen, others):
    others[0].delete()
    with pytest.raises(ValueError, match="argument 'to' "):
        transfer.delayed(pen, others[0])


def test_a_key_that_is_too_long_is_refused(pen):
    label = Label.objects.create(text="ß" * 256)
    with pytest.raises(ValueError, match=r"argument 'to' .* takes 256 characters"):
        transfer.delayed(pen, label)


@pytest.mark.parametrize(
    "value",
    [
        {"__type__": "model", "__value__": ["shop.product", "1", "default"]},
        {"__type__": "model", "__value__": 5},
    ],
)
def test_a_dict_that_looks_like_a_reference_is_none(pen, value):
    with pytest.raises(ArgumentError, match="which JSON decodes"):
        transfer.delayed(pen, value)


def test_a_key_of_a_dict_is_no_place_for_an_instance(pen, others):
    with pytest.raises(ArgumentError, match="which is not text"):
        transfer.delayed(pen, {others[0]: 1})


def test_a_result_may_not_be_an_instance(pen):
    @declared
    def give(product):
        return [product]

    row = by_worker(give, pen)
    assert row.error.startswith("ResultError: ")
    assert "JSON would not bring back a Product at [0]" in row.error


def test_references_count_as_what_they_take(pen, others):
    with (
        override_settings(BOOGIE_TASKS={"MAX_ARGUMENTS_SIZE": 150}),
        pytest.raises(ArgumentError, match="MAX_ARGUMENTS_SIZE"),
    ):
        transfer.delayed(pen, others)


# --- gone -----------------------------------------------------------------------------


@declared(autoretry_for=(Exception,), max_retries=5, default_retry_delay=0)
def stubborn(product, to, also=()):
    got.append((to, also))


@pytest.mark.parametrize(
    ("which", "words"),
    [(0, "argument 'to' refers to shop.product:"), (1, "argument 'also' at [1] refers to shop.p")],
)
def test_an_instance_that_was_deleted_fails_the_run_for_good(pen, others, which, words):
    row = stubborn.delayed(pen, others[0], also=[0, others[1]])
    others[which].delete()
    work(row)
    assert (row.status, row.retries, row.attempt) == ("failed", 0, 1)
    assert row.errors[-1]["type"] == "boogie.apps.tasks.exceptions.ObjectGone"
    assert words in row.error
    assert "that has been deleted" in row.error
    assert got == []
    with pytest.raises(ObjectGone, match="argument"):
        row.get_arguments()
    with pytest.raises(TaskFailed, match="ObjectGone"):
        row.wait(0)


def test_a_call_with_an_instance_that_was_deleted_fails_too(pen, others):
    Product.objects.filter(pk=others[0].pk).delete()
    with pytest.raises(ObjectGone, match=r"argument 'to' refers to shop\.product"):
        stubborn.call(pen, others[0])
    assert Task.objects.get().is_failed
    assert got == []


@pytest.mark.parametrize("label", ["shop.parcel", "warehouse.product"])
def test_a_model_that_is_no_more_fails_the_run(pen, others, label):
    row = stubborn.delayed(pen, others[0])
    Task.objects.filter(pk=row.pk).update(args=[instances.of_json([label, "1", "default"])])
    work(row)
    assert (row.status, row.retries) == ("failed", 0)
    assert row.error.startswith("ObjectGone: ")
    assert f"argument 'to' refers to {label}:1, and the model {label} is not inst" in row.error


def test_hooks_get_what_is_still_there(pen, others):
    class Partly(BoogieTask):
        def run(self, product, to, also):
            pass

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            got.append((*args, kwargs))

    task = Partly.as_task(name="tests.partly_gone")
    a, b, c = others
    row = task.delayed(pen, a, also=[b, c])
    b.delete()
    work(row)
    assert row.is_failed
    assert got == [(pen, a, {"also": [None, c]})]
    got.clear()
    row = task.delayed(pen, a, also=[c])
    Product.objects.filter(pk=pen.pk).delete()
    work(row)
    assert "was deleted before" in row.error
    assert got == [(None, a, {"also": [c]})]


def test_a_database_that_is_configured_no_more_fails_the_run_with_a_note(pen, others):
    row = stubborn.delayed(pen, others[0])
    gone = instances.of_json(["shop.product", str(others[0].pk), "nowhere"])
    Task.objects.filter(pk=row.pk).update(args=[gone])
    work(row)
    assert row.error.startswith("ConnectionDoesNotExist")
    assert (
        "while an argument of the model shop.product was read from 'nowhere'"
        in (row.errors[-1]["traceback"])
    )


def test_a_key_that_no_longer_fits_fails_the_run(pen, others):
    row = stubborn.delayed(pen, others[0])
    Task.objects.filter(pk=row.pk).update(
        args=[instances.of_json(["shop.product", "a-b", "default"])]
    )
    assert work(row).is_failed
    assert got == []


# --- what must not be read ------------------------------------------------------------


def test_a_sensitive_instance_is_shown_nowhere(pen):
    @declared(sensitive=["to"])
    def guarded(product, to):
        raise LookupError(f"no {to} here: {to!r}, {to.pk}")

    secret = Label.objects.create(text="hunter-two")
    row = by_worker(guarded, pen, secret)
    assert row.error == "LookupError: no •••• here: ••••, ••••"
    assert "hunter-two" not in str(row.errors)
    row = guarded.delayed(pen, secret)
    secret.delete()
    work(row)
    assert row.error.startswith("ObjectGone")
    assert "argument 'to' refers to a shop.label" in row.error
    assert "hunter-two" not in str(row.errors)


def test_the_names_of_models_and_databases_are_no_secrets(pen, others):
    @declared(sensitive=["to"])
    def guarded(product, to):
        raise LookupError("the model shop.product is in default")

    row = by_worker(guarded, pen, others[0])
    assert row.error == "LookupError: the model shop.product is in default"


@both_worlds
def test_references_are_encrypted_with_the_arguments(run, pen, others):
    @declared(encrypt=True)
    def sealed(product, to, also=()):
        got.append((to, also))

    with override_settings(BOOGIE_TASKS={"ENCRYPTION_KEYS": [Fernet.generate_key().decode()]}):
        try:
            row = run(sealed, pen, others[0], also=[others[1]])
            assert row.is_finished, row.errors
            assert got == [(others[0], [others[1]])]
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT args, kwargs FROM boogie_tasks_task")
                assert "shop.product" not in str(cursor.fetchall())
            assert row.get_arguments() == ([others[0]], {"also": [others[1]]})
            if run is by_worker:
                late = sealed.delayed(pen, others[0])
                others[0].delete()
                work(late)
                assert "argument 'to' refers to a shop.product, and that has" in late.error
        finally:
            type(sealed).encrypt = False


# --- what it costs --------------------------------------------------------------------


def run_of(row):
    with statements() as made:
        work(now_due(row))
    return [each for each in made if "boogie_tasks_task" not in each]


def test_an_instance_costs_no_statement_when_the_row_is_made(pen, others):
    by_worker(transfer, pen, 1)
    with statements() as made:
        transfer.delayed(pen, others[0], also=others[1:])
    assert [each.split()[0] for each in made] == ["INSERT"]


@pytest.mark.parametrize("count", [1, 3])
def test_all_of_one_model_are_read_by_one_query(pen, others, count):
    run_of(transfer.delayed(pen, 1))  # what is learned of a task is known from now on
    plain = len(run_of(transfer.delayed(pen, 1)))
    reads = run_of(transfer.delayed(pen, others[:count], also=[others[0]]))
    assert len(reads) - plain == 1
    user = User.objects.create(username="ann")
    reads = run_of(transfer.delayed(pen, others[:count], also=[user, user]))
    assert len(reads) - plain == 2


def test_composite_keys_are_read_by_one_query(pen):
    seats = [Seat.objects.create(hall="a,b", number=number) for number in range(3)]
    run_of(transfer.delayed(pen, 1))
    plain = len(run_of(transfer.delayed(pen, 1)))
    assert len(run_of(transfer.delayed(pen, seats))) - plain == 1
    assert got[-1][0] == seats


def test_more_instances_than_a_statement_takes_are_read(pen, monkeypatch):
    monkeypatch.setattr(type(connections["default"].features), "max_query_params", 4)
    many = [Product.objects.create(name=str(number)) for number in range(10)]
    assert by_worker(transfer, pen, many).is_finished
    assert got[0][0] == many


def test_kinds_do_not_get_into_each_other(pen):
    book = Book.objects.create(name="atlas", pages=3)
    parent = book.product_ptr
    coupon, order = Coupon.objects.create(hidden=True), Order.objects.create()
    given = [book, parent, coupon, order, Label.objects.create(text="1")]
    assert by_worker(transfer, pen, given).is_finished
    assert got[0][0] == given
    assert [type(each) for each in got[0][0]] == [Book, Product, Coupon, Order, Label]


def test_a_run_without_instances_walks_through_nothing(pen, monkeypatch):
    row = transfer.delayed(pen, [1, {"a": "model"}], also=[2])

    def refuse(*args):
        raise AssertionError("somebody looked for references")

    monkeypatch.setattr(reading, "arguments", refuse)
    assert work(row).is_finished
    with contextlib.suppress(AssertionError):
        work(transfer.delayed(pen, pen))
    assert Task.objects.failed().count() == 1
