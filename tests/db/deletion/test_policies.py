"""What a deletion does to rows, by the policy of their task."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from boogie.apps.tasks import Task, registry, task_cancelled
from boogie.apps.tasks.deletion import unfinished
from boogie.apps.tasks.lifecycle import transitions, wiping
from boogie.apps.tasks.models import Wipe
from tests.db.relations.subjects import pairs
from tests.project.blog.models import Post, User
from tests.project.press.models import Article, Draft, Page, Review
from tests.project.shop.models import Bargain, Book, Order, Product
from tests.support.rows import stored
from tests.support.runs import declared, ring, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared(name="db.deletion.keep", on_delete="keep")
def keep(obj):
    return "kept"


@declared(
    name="db.deletion.cancel",
    label="Go along",  # a word of ours would be one on every page about these models
    on_delete="cancel",
    aliases=["db.deletion.old_cancel"],
)
def cancel(obj: Product | Order | User | Page):
    return "ran"


@declared(name="db.deletion.cascade", on_delete="cascade")
def cascade(obj: Product | Order | User | Page):
    return "ran"


@declared(name="db.deletion.any")
def anything(obj):
    """Says nothing of its models."""


@pytest.fixture
def of_any(monkeypatch):
    """A task that concerns every deletion, as long as this test runs."""
    monkeypatch.setattr(anything, "on_delete", "cancel")
    return anything


def statuses(rows):
    return sorted(Task.objects.filter(pk__in=[row.pk for row in rows]).values_list("status"))


def running(task, obj):
    row = stored("running", obj, name=task.name)
    assert row.is_running
    return row


# --- cancel -----------------------------------------------------------------------------


def test_rows_that_wait_are_cancelled_with_the_deletion():
    product, other = (Product.objects.create(name=name) for name in "ab")
    rows = [cancel.delayed(product), cancel.paused(product), cancel.schedule(60, product)]
    ended, another, runs = (
        work(cancel.delayed(product)),
        cancel.delayed(other),
        running(cancel, product),
    )
    kept = keep.delayed(product)

    product.delete()

    assert statuses(rows) == [("cancelled",)] * 3
    assert statuses([ended, another, runs, kept]) == sorted(
        [("finished",), ("queued",), ("running",), ("queued",)]
    )


@pairs
def test_objects_with_keys_of_any_type_are_known(make, of_any):
    first, second = make()
    rows = of_any.delayed(first), of_any.delayed(second)

    first.delete()

    assert [Task.objects.get(pk=row.pk).status for row in rows] == ["cancelled", "queued"]


def test_a_deletion_that_is_undone_cancels_nothing():
    product = Product.objects.create(name="a")
    row = cancel.delayed(product)

    with transaction.atomic():
        product.delete()
        assert statuses([row]) == [("cancelled",)]
        transaction.set_rollback(True)

    assert statuses([row]) == [("queued",)]


def test_rows_that_carry_an_older_name_of_the_task_are_cancelled():
    product = Product.objects.create(name="a")
    row = cancel.delayed(product)
    Task.objects.filter(pk=row.pk).update(name="db.deletion.old_cancel")

    product.delete()

    assert statuses([row]) == [("cancelled",)]


@pytest.mark.parametrize(("task", "most"), [(cancel, 3), (cascade, 5)], ids=["cancel", "cascade"])
def test_querysets_delete_in_few_statements(monkeypatch, task, most):
    """For 1,000 objects, Django's own counted where it does not read them first."""
    for other in registry.declared():
        if other is not task:
            monkeypatch.setattr(other, "on_delete", "keep")
    Order.objects.bulk_create(Order() for _ in range(10_000))
    task.each(Order.objects.all())
    list(Order.objects.filter(task.exists())[:1])

    with CaptureQueriesContext(connection) as queries:
        Order.objects.all().delete()

    assert len(queries) <= most * 10
    assert not Task.objects.exclude(status="cancelled").exists()


def test_models_that_no_policy_concerns_are_deleted_as_before(django_assert_num_queries):
    author = User.objects.create_user("anna")
    Post.objects.create(author=author, title="a")

    with django_assert_num_queries(1):
        Post.objects.all().delete()


def test_objects_that_go_with_another_are_deleted_too(of_any):
    author = User.objects.create_user("anna")
    post = Post.objects.create(author=author, title="a")
    rows = [of_any.delayed(post), cancel.delayed(author)]

    author.delete()

    assert statuses(rows) == [("cancelled",)] * 2


def test_receivers_hear_of_it_after_the_commit(django_capture_on_commit_callbacks):
    heard = []
    product = Product.objects.create(name="a")
    row = cancel.delayed(product)

    def hear(sender, task, **extra):
        heard.append(task.pk)

    task_cancelled.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            product.delete()
            assert not heard
    finally:
        task_cancelled.disconnect(hear)
    assert heard == [row.pk]


# --- cascade ----------------------------------------------------------------------------


def test_rows_go_with_the_object():
    product, other = (Product.objects.create(name=name) for name in "ab")
    work(cascade.delayed(product)), cascade.delayed(product), cascade.paused(product)
    another = cascade.delayed(other)

    product.delete()

    assert list(Task.objects.all()) == [another]


@pytest.mark.parametrize("how", ["finish", "fail", "retry", "rescue", "cancel_run"])
def test_a_row_that_runs_goes_when_it_ends(how):
    product = Product.objects.create(name="a")
    row = running(cascade, product)
    product.delete()
    assert Task.objects.get(pk=row.pk).wipe == wiping.DELETE

    error = {"attempt": 3, "type": "ValueError", "message": "", "traceback": "", "worker": ""}
    ends = {
        "finish": lambda rows: transitions.finish(rows, row, "done"),
        "fail": lambda rows: transitions.fail(rows, row, error),
        "retry": lambda rows: transitions.retry(rows, row, error, row.created),
        "rescue": lambda rows: transitions.rescue(rows, row, error, 1.0),
        "cancel_run": lambda rows: transitions.cancel_run(rows, row),
    }
    assert ends[how](Task.objects.all()) == 1

    assert not Task.objects.exists()


def test_the_body_may_delete_its_own_object(monkeypatch):
    @declared
    def suicide(product: Product):
        Product.objects.filter(pk=product.pk).delete()
        return "done"

    monkeypatch.setattr(suicide, "on_delete", "cascade")
    row = suicide.delayed(Product.objects.create(name="a"))
    _deliver(row)

    assert not Task.objects.exists()


def _deliver(row):
    ring(row.name, row.pk)


def test_one_that_is_cancelled_by_hand_goes_at_once():
    product = Product.objects.create(name="a")
    row = running(cascade, product)
    product.delete()
    assert unfinished.left().count() == 0
    assert Task.objects.filter(pk=row.pk).cancel() == 1

    assert not Task.objects.exists()
    assert not Wipe.objects.exists()


def test_what_nobody_has_ended_is_left_to_keepers(monkeypatch):
    product = Product.objects.create(name="a")
    row = running(cascade, product)
    product.delete()
    monkeypatch.setattr(wiping, "follow", lambda rows, found: None)  # killed before
    assert Task.objects.filter(pk=row.pk).cancel() == 1

    assert unfinished.left().count() == 1
    unfinished.finish()

    assert not Task.objects.exists()
    assert not Wipe.objects.exists()


# --- inheritance, proxies, databases ----------------------------------------------------


def test_a_parent_takes_the_rows_of_its_children_along():
    review = Review.objects.create(title="a")
    rows = [
        cancel.delayed(review),
        cancel.delayed(Article.objects.get(pk=review.pk)),
        cancel.delayed(Draft.objects.get(pk=review.pk)),
        cancel.delayed(Page.objects.get(pk=review.pk)),
    ]

    Page.objects.filter(pk=review.pk).delete()

    assert statuses(rows) == [("cancelled",)] * 4


def test_a_child_takes_the_rows_of_its_parents_along():
    book = Book.objects.create(name="a")
    rows = [cancel.delayed(Product.objects.get(pk=book.pk)), cascade.delayed(book)]

    book.delete()

    assert [row.status for row in Task.objects.filter(pk__in=[r.pk for r in rows])] == ["cancelled"]


def test_a_child_that_leaves_its_parent_leaves_the_rows_of_that():
    book = Book.objects.create(name="a")
    of_parent, of_child = cancel.delayed(Product.objects.get(pk=book.pk)), cancel.delayed(book)

    book.delete(keep_parents=True)

    assert statuses([of_parent]) == [("queued",)]
    assert statuses([of_child]) == [("cancelled",)]


def test_proxies_are_their_model():
    bargain = Bargain.objects.create(name="a")
    first = cancel.delayed(Product.objects.get(pk=bargain.pk))
    second = cancel.delayed(bargain)

    Bargain.objects.filter(pk=bargain.pk).delete()

    assert statuses([first, second]) == [("cancelled",)] * 2


def test_objects_of_another_database_take_their_own_along(django_capture_on_commit_callbacks):
    here, there = Order.objects.create(), Order.objects.using("other").create()
    Order.objects.using("other").create(pk=here.pk)
    rows = [cancel.delayed(here), cancel.delayed(there), cascade.delayed(there)]

    with django_capture_on_commit_callbacks(using="other", execute=True):
        Order.objects.using("other").all().delete()

    assert sorted(Task.objects.values_list("object_db", "status")) == [
        ("default", "queued"),
        ("other", "cancelled"),
    ]
    assert len(rows) == 3


# --- what no deletion has seen ----------------------------------------------------------


def test_a_row_whose_object_went_unseen_is_cancelled_when_it_would_run():
    product = Product.objects.create(name="a")
    row = cancel.delayed(product)
    Product.objects.filter(pk=product.pk)._raw_delete("default")

    work(row)

    assert row.is_cancelled
    assert row.errors[-1]["type"] == "boogie.apps.tasks.exceptions.ObjectGone"


def test_or_goes():
    product = Product.objects.create(name="a")
    row = cascade.delayed(product)
    Product.objects.filter(pk=product.pk)._raw_delete("default")

    _deliver(row)

    assert not Task.objects.exists()


def test_without_a_policy_it_fails_as_ever():
    product = Product.objects.create(name="a")
    row = keep.delayed(product)
    product.delete()

    assert work(row).is_failed
    assert row.errors[-1]["type"] == "boogie.apps.tasks.exceptions.ObjectGone"


# --- declaring --------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["delete", None, True, "CASCADE"])
def test_an_unknown_policy_is_refused_when_it_is_declared(policy):
    with pytest.raises(ValueError, match=r"on_delete must be one of 'keep', 'cancel', 'cascade'"):
        declared(on_delete=policy)(lambda product: None)
