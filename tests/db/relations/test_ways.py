"""What Django's querysets, forms and serializers do with a relation and with expressions."""

import copy
import pickle

import pytest
from django.apps import apps
from django.core import serializers
from django.db import transaction
from django.db.models import (
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    prefetch_related_objects,
)
from django.forms import modelform_factory
from django.forms.models import model_to_dict

from boogie.apps.tasks import Task, TaskRelation
from tests.project.blog.models import Post, User
from tests.project.press.models import Article, Page, Review
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@declared(name="db.relations.ways.clean")
def clean(obj):
    return "clean"


@declared(name="db.relations.ways.fail")
def fail(obj):
    raise ValueError("no")


@pytest.fixture
def anna():
    """A user with a row that waits, one that failed, and a post."""
    user = User.objects.create_user("anna")
    Post.objects.create(author=user, title="a")
    work(fail.delayed(user)), clean.delayed(user)
    return user


@pytest.fixture
def bert():
    """A user with a post, and no row."""
    user = User.objects.create_user("bert")
    Post.objects.create(author=user, title="b")
    return user


# --- prefetching ------------------------------------------------------------------------


def test_chosen_rows_in_an_order_with_their_objects(anna, bert):
    rows = Task.objects.order_by("-pk").defer("args").with_objects()
    chosen = Prefetch("tasks", rows.exclude(status="failed"), to_attr="waiting")

    with statements() as made:
        users = list(User.objects.order_by("pk").prefetch_related(chosen, "tasks"))
        assert [[row.status for row in user.waiting] for user in users] == [["queued"], []]
        assert [len(user.tasks.all()) for user in users] == [2, 0]
    assert len(made) <= 4


def test_rows_of_relatives(anna, bert):
    with statements() as made:
        posts = list(Post.objects.order_by("title").prefetch_related("author__tasks"))
        assert [len(post.author.tasks.all()) for post in posts] == [2, 0]
    assert len(made) == 3


def test_portions_of_an_iterator(anna, bert):
    users = User.objects.order_by("pk").prefetch_related("tasks").iterator(chunk_size=1)
    assert [len(user.tasks.all()) for user in users] == [2, 0]


def test_classes_of_one_family_at_once():
    review, page = Review.objects.create(title="a"), Page.objects.create(title="b")
    rows = clean.delayed(review), clean.delayed(page)
    given = [Article.objects.get(pk=review.pk), page, review]

    prefetch_related_objects(given, "tasks")

    assert [list(one.tasks.all()) for one in given] == [[rows[0]], [rows[1]], [rows[0]]]


# --- queries ----------------------------------------------------------------------------


def test_columns_of_rows(anna, bert):
    users = User.objects.order_by("username")
    told = users.order_by("username", "tasks__status").values_list("username", "tasks__status")
    assert list(told) == [("anna", "failed"), ("anna", "queued"), ("bert", None)]
    last = users.annotate(last=Max("tasks__created")).values_list("last", flat=True)
    assert [key is not None for key in last] == [True, False]
    assert User.objects.aggregate(n=Count("tasks"))["n"] == 2
    assert users.filter(tasks__ended__isnull=True, tasks__status="queued").count() == 1
    assert users.filter(tasks__status="failed").filter(tasks__status="queued").get() == anna
    assert users.filter(tasks__status="failed", tasks__name=clean.name).count() == 0
    assert users.filter(tasks__in=Task.objects.failed()).get() == anna
    assert users.filter(tasks__in=Task.objects.none()).count() == 0
    assert users.filter(Q(tasks=None) | Q(tasks__status="failed")).distinct().count() == 2
    assert users.exclude(tasks__in=Task.objects.failed()).get() == bert
    assert users.exclude(tasks__status="failed", tasks__name=fail.name).get() == bert
    assert set(users.filter(tasks__name=F("tasks__name"))) == {anna}


def test_changes_and_sets_of_sets(anna, bert):
    assert User.objects.filter(tasks__status="failed").update(first_name="failed") == 1
    assert User.objects.update(is_staff=clean.exists("queued")) == 2
    assert list(User.objects.filter(is_staff=True)) == [anna]
    failed, idle = User.objects.filter(fail.exists("failed")), User.objects.filter(tasks=None)
    assert set((failed | idle).distinct()) == {anna, bert}
    assert {user.pk for user in failed.union(idle)} == {anna.pk, bert.pk}
    assert not (failed & User.objects.exclude(clean.exists())).exists()
    with transaction.atomic():
        assert User.objects.select_for_update(of=()).filter(clean.exists()).get() == anna


def test_grouped_and_counted(anna, bert):
    grouped = User.objects.annotate(busy=clean.exists("queued")).values("busy")
    counted = grouped.annotate(n=Count("pk")).order_by("busy")
    assert [(bool(one["busy"]), one["n"]) for one in counted] == [(False, 1), (True, 1)]
    some = User.objects.aggregate(n=Count("pk", filter=clean.exists("queued")))
    assert some == {"n": 1}
    last = User.objects.annotate(last=clean.latest("created"))
    assert last.filter(last__isnull=False).count() == 1
    assert last.order_by(F("last").desc(nulls_last=True)).first() == anna


def test_within_subqueries(anna, bert):
    authors = User.objects.filter(pk=OuterRef("author_id"))
    posts = Post.objects.filter(Exists(authors.filter(clean.exists("queued"))))
    assert posts.get().author == anna
    last = authors.annotate(last=clean.latest("status")).values("last")[:1]
    told = Post.objects.annotate(last=Subquery(last)).order_by("title")
    assert [post.last for post in told] == ["queued", None]
    assert Post.objects.filter(author__in=User.objects.filter(~clean.exists())).get().title == "b"
    assert Post.objects.exclude(author__in=User.objects.filter(tasks=None)).get().title == "a"


def test_a_query_travels(anna, bert):
    users = User.objects.annotate(busy=clean.exists("queued")).filter(tasks__status="failed")
    again = User.objects.none()
    again.query = pickle.loads(pickle.dumps(users.query))
    assert [user.busy for user in again] == [True]
    assert [user.busy for user in copy.deepcopy(users)] == [True]
    asked = clean.exists("queued")
    assert User.objects.filter(asked).count() == User.objects.filter(copy.deepcopy(asked)).count()
    assert Post.objects.filter(asked).count() == 0


# --- instances --------------------------------------------------------------------------


def test_who_was_never_saved_has_no_rows():
    with pytest.raises(ValueError, match="never saved"):
        User(username="nobody").tasks.all()


def test_instances_travel_with_what_was_prefetched(anna):
    (user,) = User.objects.prefetch_related("tasks")
    again = pickle.loads(pickle.dumps(user))
    with statements() as made:
        assert len(again.tasks.all()) == 2
    assert not made
    assert copy.copy(User.objects.only("username").get()).tasks.count() == 2


def test_forms_and_serializers_do_not_know_it(anna):
    form = modelform_factory(User, fields="__all__")
    assert "tasks" not in form.base_fields
    assert "tasks" not in model_to_dict(anna)
    text = serializers.serialize("json", [anna])
    assert "tasks" not in text
    (again,) = serializers.deserialize("json", text)
    again.save()
    assert anna.tasks.count() == 2


def test_nothing_is_wrong_with_the_models():
    found = [one for model in apps.get_models() for one in model.check(databases=["default"])]
    assert not [one for one in found if one.is_serious() or isinstance(one.obj, TaskRelation)]
