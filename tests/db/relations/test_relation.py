"""The rows of an object, as an attribute of its model: for every type of key."""

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.models import Count, FilteredRelation, Prefetch, Q
from django.test.utils import CaptureQueriesContext, isolate_apps

from boogie.apps.tasks import Task, TaskRelation
from tests.project.blog.models import Post, User
from tests.project.press.models import Article, Page, Review
from tests.project.shop.models import Order, Product, Seat
from tests.support.runs import declared, work

from .subjects import pairs

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared(name="db.relations.clean")
def clean(obj):
    return "clean"


@declared(name="db.relations.fail")
def fail(obj):
    raise ValueError("no")


def pks(objects):
    return sorted(str(obj.pk) for obj in objects)


# --- one object -------------------------------------------------------------------------


@pairs
def test_an_object_has_its_rows_and_no_others(make):
    busy, idle = make()
    row = clean.delayed(busy)

    assert list(busy.tasks.all()) == [row]
    assert busy.tasks.queued().count() == 1
    assert not idle.tasks.exists()


def test_every_class_of_an_object_has_the_same():
    review = Review.objects.create(title="a")
    rows = {clean.delayed(review), clean.delayed(Page.objects.get(pk=review.pk))}

    for model in (Page, Article, Review):
        assert set(model.objects.get(pk=review.pk).tasks.all()) == rows


def test_verbs_are_done_to_all_rows_of_the_object():
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    clean.paused(anna), clean.paused(bert)

    assert anna.tasks.run() == 1
    assert anna.tasks.queued().cancel() == 1
    assert anna.tasks.retry() == 1
    assert anna.tasks.cancel() == 1
    assert anna.tasks.clean() == 1
    assert bert.tasks.get().is_paused


@pytest.mark.parametrize("verb", ["add", "create", "set", "clear", "update_or_create", "acreate"])
def test_it_makes_no_rows(verb):
    user = User.objects.create_user("anna")

    with pytest.raises(TypeError, match=r"makes no rows.*clean\.delayed\(user\)"):
        getattr(user.tasks, verb)()


def test_nothing_is_assigned_to_it():
    user = User.objects.create_user("anna")

    with pytest.raises(TypeError, match=r"User\.tasks makes no rows"):
        user.tasks = []


def test_an_object_of_another_database_has_its_own():
    here, there = Order.objects.create(), Order.objects.using("other").create()
    Order.objects.using("other").create(pk=here.pk)
    row = clean.delayed(there)

    assert list(there.tasks.all()) == [row]
    assert not Order.objects.using("other").get(pk=here.pk).tasks.exists()
    (found,) = Order.objects.using("other").filter(pk=there.pk).prefetch_related("tasks")
    assert list(found.tasks.all()) == [row]


def test_a_deletion_leaves_rows_and_is_as_fast_as_it_was(django_assert_num_queries):
    seat = Seat.objects.create(hall="a", number=1)
    clean.delayed(seat)

    with django_assert_num_queries(1):
        Seat.objects.all().delete()

    assert Task.objects.count() == 1


# --- many objects -----------------------------------------------------------------------


@pairs
def test_objects_are_found_by_their_rows(make):
    busy, idle = make()
    model = type(busy)
    failed = work(fail.delayed(busy))
    clean.delayed(busy), clean.delayed(idle)

    assert failed.is_failed
    assert pks(model.objects.filter(tasks__status="failed")) == [str(busy.pk)]
    assert pks(model.objects.exclude(tasks__status="failed")) == [str(idle.pk)]
    assert pks(model.objects.filter(tasks=failed)) == [str(busy.pk)]
    assert pks(model.objects.filter(tasks__in=[failed])) == [str(busy.pk)]
    assert pks(model.objects.filter(~Q(tasks__name=fail.name))) == [str(idle.pk)]
    numbers = model.objects.annotate(n_tasks=Count("tasks")).values_list("pk", "n_tasks")
    assert dict(numbers) == {busy.pk: 2, idle.pk: 1}


@pairs
def test_objects_without_rows_are_found(make):
    busy, idle = make()
    clean.delayed(busy)

    assert pks(type(busy).objects.filter(tasks=None)) == [str(idle.pk)]
    assert pks(type(busy).objects.filter(tasks__isnull=False)) == [str(busy.pk)]
    assert pks(type(busy).objects.exclude(tasks=None)) == [str(busy.pk)]


@pairs
def test_rows_are_prefetched_in_one_query(make):
    busy, idle = make()
    rows = {clean.delayed(busy), clean.delayed(busy)}
    type(busy).objects.filter(tasks=None).first()

    with CaptureQueriesContext(connection) as queries:
        found = {obj.pk: obj for obj in type(busy).objects.prefetch_related("tasks")}
        assert set(found[busy.pk].tasks.all()) == rows
        assert list(found[idle.pk].tasks.all()) == []
    assert len(queries) == 2


def test_some_rows_are_prefetched():
    anna = User.objects.create_user("anna")
    clean.delayed(anna)
    failed = work(fail.delayed(anna))

    failures = Prefetch("tasks", Task.objects.failed(), to_attr="failures")
    (user,) = User.objects.prefetch_related(failures)

    assert user.failures == [failed]
    assert user.tasks.count() == 2


def test_what_was_prefetched_is_forgotten_with_the_rest():
    anna = User.objects.create_user("anna")
    (user,) = User.objects.prefetch_related("tasks")
    clean.delayed(anna)
    assert list(user.tasks.all()) == []

    user.refresh_from_db()

    assert user.tasks.count() == 1


def test_it_is_followed_from_other_models():
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    posts = [Post.objects.create(author=author, title="a") for author in (anna, bert)]
    clean.delayed(anna)

    assert list(Post.objects.filter(author__tasks__status="queued")) == [posts[0]]
    assert list(Post.objects.exclude(author__tasks__status="queued")) == [posts[1]]
    (post,) = Post.objects.filter(author=anna).prefetch_related("author__tasks")
    assert len(post.author.tasks.all()) == 1


def test_conditions_and_filtered_relations():
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    clean.delayed(anna), work(fail.delayed(anna)), work(fail.delayed(bert))

    waiting = FilteredRelation("tasks", condition=Q(tasks__status="queued"))
    users = User.objects.annotate(waiting=waiting, n=Count("waiting")).order_by("username")
    assert [user.n for user in users] == [1, 0]
    counted = User.objects.annotate(n=Count("tasks", filter=Q(tasks__status="failed")))
    assert [user.n for user in counted] == [1, 1]


def test_rows_of_other_models_with_the_same_key_are_others():
    user, product = User.objects.create_user("anna"), Product.objects.create(name="a")
    Product.objects.filter(pk=product.pk).update(id=user.pk)
    clean.delayed(Product.objects.get(pk=user.pk))

    assert not user.tasks.exists()
    assert not User.objects.filter(tasks__status="queued").exists()
    assert User.objects.exclude(tasks__status="queued").exists()


# --- declaring --------------------------------------------------------------------------


def test_no_model_has_a_column_or_a_migration_of_it():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)

    assert "tasks" not in {field.name for field in User._meta.concrete_fields}


@isolate_apps("tests.project.shop", attr_name="apps")
def test_abstract_models_hand_it_down():
    class Tracked(models.Model):
        jobs = TaskRelation()

        class Meta:
            abstract = True
            app_label = "shop"

    class Parcel(Tracked):  # noqa: DJ008
        class Meta:
            app_label = "shop"

    assert Parcel._meta.get_field("jobs").model is Parcel
    assert Parcel.jobs.field.model is Parcel


def test_it_takes_no_options():
    with pytest.raises(TypeError, match="takes no options; it was given to"):
        TaskRelation(to="shop.Product")
