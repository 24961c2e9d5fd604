"""Which tasks fit which models, what they are called, and which options say so."""

import functools
from typing import TYPE_CHECKING, Annotated, Any, Optional, Protocol, TypeVar, Union

import pytest
from django import forms
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy

from boogie.apps.tasks import BoogieTask
from boogie.apps.tasks.declaration import faces, fitting
from tests.project.blog.models import Post, User
from tests.project.blog.tasks import clean_user_posts
from tests.project.shop.models import Bargain, Book, Order, Product
from tests.support.runs import declared

if TYPE_CHECKING:
    from nowhere import Label, Nothing  # noqa: F401


class Sluggish(Protocol):
    slug: str


AnyUser = TypeVar("AnyUser", bound=AbstractUser)
Either = TypeVar("Either", Post, Order)


def about(annotation):
    """Return a task whose object has this annotation."""

    def body(obj):
        pass

    body.__annotations__["obj"] = annotation
    return declared(body)


ANNOTATIONS = {
    "a model": (User, {User}),
    "or None": (User | None, {User}),
    "Optional": (Optional[User], {User}),  # noqa: UP045
    "a union": (User | Order, {User, Order}),
    "Union": (Union[User, Order, None], {User, Order}),  # noqa: UP007
    "Annotated": (Annotated[User, "who"], {User}),
    "text": ("User", {User}),
    "text, or None": ("User | None", {User}),
    "Optional of text": (Optional["User"], {User}),
    "app.Model": ("shop.Order", {Order}),
    "app.Model of an app of Django's": ("auth.User", set()),
    "what type checkers alone know": ("Label | None", None),
    "a parent": (Product, {Product, Book, Bargain}),
    "a child": (Book, {Book}),
    "a proxy": (Bargain, {Bargain}),
    "an abstract model": (AbstractUser, {User}),
    "a bound": (AnyUser, {User}),
    "constraints": (Either, {Post, Order}),
    "a class that is no model": (int, set()),
    "a protocol": (Sluggish, set()),
    "nothing that exists": ("Nothing", set()),
    "a syntax error": ("User |", set()),
    "an expression that raises": ("1 / 0", set()),
    "a list": (list[User], set()),
    "Any": (Any, set()),
    "object": (object, set()),
    "None": (None, set()),
}
MODELS = {User, Post, Order, Product, Book, Bargain}


@pytest.mark.parametrize(("annotation", "fits"), ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_a_task_fits_the_models_that_its_object_may_be_of(annotation, fits):
    task = about(annotation)
    if fits is None:
        assert {m.__name__ for m in fitting.models_of(task)} == {"Label"}
        return
    assert {model for model in MODELS if fitting.fits(task, model)} == fits
    assert {model for model in MODELS if task in fitting.fitting(model)} == fits
    assert MODELS & set(fitting.models_of(task)) == fits


def test_a_task_without_an_annotation_fits_no_model():
    assert fitting.models_of(clean_user_posts) == []


@pytest.mark.parametrize("model", [Order, "shop.Order", "shop.order"])
def test_the_option_model_says_it_and_goes_before_the_annotation(model):
    def body(obj: User):
        pass

    task = declared(body, model=model)
    assert fitting.models_of(task) == [Order]
    assert fitting.fits(task, Order)
    assert not fitting.fits(task, User)


def test_a_model_of_no_installed_app_is_no_error(monkeypatch):
    task = declared(lambda obj: None)
    monkeypatch.setattr(type(task), "model", "nowhere.Nothing")
    assert fitting.models_of(task) == []


def test_the_class_of_a_task_and_what_a_decorator_wraps_are_read_too():
    class Bound(BoogieTask):
        def run(self, obj: User):
            pass

    def bound(self, obj: User):
        pass

    def wrapped(*args, **kwargs):
        pass

    tasks = [
        Bound.as_task(name="unit.signatures.bound"),
        declared(bound, bind=True),
        declared(functools.wraps(bound)(wrapped), bind=True),
    ]
    for task in tasks:
        assert fitting.models_of(task) == [User]


# --- names and descriptions -----------------------------------------------------------


class ExportPosts(BoogieTask):
    """
    Write the posts down.

    All of them.
    """

    label = gettext_lazy("Export")

    def run(self, user):
        pass


def test_a_task_is_called_by_its_label_or_by_its_name_in_words():
    assert faces.title(clean_user_posts) == "Clean user posts"
    assert faces.title(ExportPosts.as_task(name="unit.faces.labelled")) == "Export"
    unlabelled = ExportPosts.as_task(name="unit.faces.unlabelled", label=None)
    assert faces.title(unlabelled) == "Export posts"


def test_what_a_task_does_is_the_first_line_of_its_docstring_unless_it_is_described():
    assert faces.summary(clean_user_posts) == ""
    assert faces.summary(ExportPosts.as_task(name="unit.faces.doc")) == "Write the posts down."
    assert faces.summary(declared(lambda user: None, description="Does nothing.")) == (
        "Does nothing."
    )


# --- options --------------------------------------------------------------------------


def may(user, obj):
    return True


def test_options_are_attributes_of_the_task_and_a_function_is_not_bound():
    task = declared(
        lambda user: None, permission=may, form=forms.Form, danger=True, model=User, label="x"
    )
    assert task.permission is may
    assert (task.form, task.danger, task.model, task.label) == (forms.Form, True, User, "x")
    assert (clean_user_posts.permission, clean_user_posts.danger) == (None, False)


WRONG = {
    "label": [(5, TypeError, "label must be text")],
    "description": [(b"x", TypeError, "description must be text")],
    "danger": [("yes", TypeError, "danger must be True or False")],
    "model": [
        (int, TypeError, "model must be a model or 'app.Model'"),
        (models, TypeError, "model must be a model or 'app.Model'"),
        ("User", ValueError, "written as 'app.Model'"),
    ],
    "form": [
        ("MyForm", TypeError, "a class of django.forms, or its dotted path"),
        (forms.CharField, TypeError, "a class of django.forms"),
    ],
    "permission": [
        ("may_clean", ValueError, "written as 'app.codename'"),
        (True, TypeError, "a callable"),
        (lambda user: True, TypeError, "called with a user and an object"),
    ],
}


@pytest.mark.parametrize(
    ("option", "value", "error", "words"),
    [(option, *one) for option, several in WRONG.items() for one in several],
)
def test_an_option_that_makes_no_sense_is_refused_when_the_task_is_declared(
    option, value, error, words
):
    with pytest.raises(error, match=f"^tests.declared.*{words}"):
        declared(lambda user: None, **{option: value})
