"""Of which models the objects of a task have to be: what is read from annotations, and when."""

import sys
import types
from abc import ABC
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ForwardRef,
    Generic,
    Optional,
    Protocol,
    TypeVar,
    Union,
)

import pytest
from django.apps import apps
from django.conf import settings  # noqa: F401 - an annotation names it
from django.contrib.auth.models import AbstractUser
from django.db import models

from boogie.apps.tasks import BoogieTask
from boogie.apps.tasks.declaration.annotated import names
from tests.project.blog.models import Post, User
from tests.project.press.models import Article, Draft, Page
from tests.project.shop.models import Order, Product
from tests.support.runs import declared

if TYPE_CHECKING:
    from nowhere import Badge, Nothing  # noqa: F401

    import tests.project.shop.models as wares
    from tests.project.press.models import Gallery as Show

    from ..support.small_tests import Seat  # noqa: TID252 - no model, and nobody loads it


class Named(Protocol):
    title: str


class Mixin:
    pass


class Base(ABC):  # noqa: B024
    pass


class Boxed(Generic[TypeVar("T")]):
    pass


Bound = TypeVar("Bound", bound=Article)
BoundByText = TypeVar("BoundByText", bound="Article")
Either = TypeVar("Either", Post, Order)
EitherByText = TypeVar("EitherByText", "Post", "Order")
OfAnAbstractModel = TypeVar("OfAnAbstractModel", bound=AbstractUser)
Anything = TypeVar("Anything")


def about(annotation, **options):
    def body(obj):
        pass

    body.__annotations__["obj"] = annotation
    return declared(body, **options)


CHECKED = {
    "a model": (User, {User}),
    "or None": (User | None, {User}),
    "Optional": (Optional[User], {User}),  # noqa: UP045
    "a union": (User | Order, {User, Order}),
    "Union with text": (Union["User", Order, None], {User, Order}),
    "Annotated": (Annotated[User, "who"], {User}),
    "Annotated text": (Annotated["User", "who"], {User}),
    "text": ("User", {User}),
    "text, a union": ("User | Order | None", {User, Order}),
    "text in text": ("Optional['User']", {User}),
    "text in quotes": ("'User | None'", {User}),
    "a setting that names a model": ("settings.AUTH_USER_MODEL", {User}),
    "a reference": (ForwardRef("User"), {User}),
    "app.Model": ("shop.Order", {Order}),
    "a parent and a child": (Page | Article, {Page, Article}),
    "a proxy": (Draft, {Draft}),
    "a bound": (Bound, {Article}),
    "a bound by text": (BoundByText, {Article}),
    "constraints": (Either, {Post, Order}),
    "constraints by text": (EitherByText, {Post, Order}),
    "a union with a bound": (Bound | User, {Article, User}),
}


@pytest.mark.parametrize(("annotation", "models"), CHECKED.values(), ids=CHECKED)
def test_what_names_models_is_checked(annotation, models):
    assert set(about(annotation).accepted_models) == models


UNCHECKED = {
    "nothing": Any,
    "object": object,
    "None": None,
    "any model": models.Model,
    "an abstract model": AbstractUser,
    "or an abstract model": AbstractUser | Order,
    "a bound that is abstract": OfAnAbstractModel,
    "a variable without a bound": Anything,
    "a protocol": Named,
    "a model or a protocol": Order | Named,
    "a mixin": Mixin,
    "an abstract base": Base,
    "a generic class": Boxed[int],
    "a list": list[Order],
    "a name that nobody knows": "Nothing",
    "a model or such a name": "Order | Nothing",
    "a syntax error": "Order |",
    "an expression that raises": "1 / 0",
    "text in quotes twice": "\"'User'\"",
    "an app that is not installed": "nowhere.Model",
}


@pytest.mark.parametrize("annotation", UNCHECKED.values(), ids=UNCHECKED)
def test_what_says_nothing_or_cannot_be_read_is_not_checked(annotation):
    assert about(annotation).accepted_models == ()


Thing = TypeVar("Thing", bound=models.Model)
Other = TypeVar("Other", bound=models.Model)


class Of(BoogieTask, Generic[Thing]):
    def run(self, obj: Thing, many: "list[Thing]" = ()):
        pass


class Between(Of[Other], Generic[Other]):
    pass


class OfOrders(Of[Order]):
    pass


class OfOrdersBelow(Between["Order"]):
    pass


class OfItself(Of[Thing], Generic[Thing]):
    pass


class OfItselfOrNone(Of[Thing | None], Generic[Thing]):
    pass


class OfTwo(BoogieTask, Generic[Thing, Other]):
    def run(self, obj: Thing, other: Other):
        pass


class Swapped(OfTwo[Other, Thing], Generic[Thing, Other]):
    pass


class OfTwoSwapped(Swapped[Order, User]):
    pass


class OfTwoBySwappedMixin(Mixin, Swapped[Order, User | None]):
    pass


@pytest.mark.parametrize(
    ("kind", "models"),
    [
        (OfOrders, (Order,)),
        (OfOrdersBelow, (Order,)),
        (OfTwoSwapped, (User,)),
        (OfTwoBySwappedMixin, (User,)),
        *((kind, ()) for kind in (Of, Between, OfItself, OfItselfOrNone, Swapped)),
    ],
)
def test_what_a_class_puts_in_place_of_a_type_variable_counts(kind, models):
    task = kind.as_task(name=f"unit.accepted.{kind.__name__}")
    assert task.accepted_models == models


def test_a_task_without_an_annotation_is_not_checked():
    assert declared(lambda obj: None).accepted_models == ()


def test_the_first_parameter_behind_self_counts():
    class Export(BoogieTask):
        def run(self, obj: Order, to: User):
            pass

    def bound(self, obj: Order, to: User):
        pass

    def several(*objects: Order):
        pass

    tasks = [
        Export.as_task(name="unit.accepted.export"),
        declared(bound, bind=True),
        declared(several),
    ]
    assert [task.accepted_models for task in tasks] == [(Order,)] * 3


# --- names for type checkers alone ------------------------------------------------------


def test_a_name_that_type_checkers_import_is_what_they_import():
    def body(obj: "Show"):
        pass

    def by_module(obj: "wares.Product"):
        pass

    assert [model.__name__ for model in declared(body).accepted_models] == ["Gallery"]
    assert declared(by_module).accepted_models == (Product,)


def test_a_name_from_a_module_that_does_not_exist_is_taken_for_the_only_model_of_that_name():
    def body(obj: "Badge"):
        pass

    assert [model.__name__ for model in declared(body).accepted_models] == ["Badge"]


def test_a_name_from_a_module_that_nobody_has_loaded_is_no_model(monkeypatch):
    def body(obj: "Seat"):
        pass

    monkeypatch.delitem(sys.modules, "tests.support.small_tests", raising=False)
    assert declared(body).accepted_models == ()


def test_a_module_without_a_source_has_no_imports(monkeypatch):
    monkeypatch.setitem(sys.modules, "unit_typed_in", types.ModuleType("unit_typed_in"))
    assert names.imports("unit_typed_in") == names.imports("unit_never_loaded") == {}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are of Python 3.12")
def test_type_parameters_are_read():
    space = {"Article": Article, "__name__": __name__}
    exec(
        "def said[T: Article](obj: T): pass\n"
        "def text[T: Article](obj: 'T'): pass\n"
        "def unknown[T: Nobody](obj: T): pass\n"
        "type Alias = Article | None\n"
        "def alias(obj: Alias): pass\n",
        space,
    )
    found = [declared(space[name]).accepted_models for name in ("said", "text", "unknown", "alias")]
    assert found == [(Article,), (Article,), (), (Article,)]


# --- the option ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Order, "shop.Order", "shop.order"])
def test_the_option_goes_before_the_annotation(model):
    assert about(User, model=model).accepted_models == (Order,)
    assert about(Named, model=model).accepted_models == (Order,)


def test_an_option_that_is_abstract_is_not_checked():
    assert about(User, model=AbstractUser).accepted_models == ()


# --- when -----------------------------------------------------------------------------------


def test_what_is_named_is_looked_up_once_and_not_at_declaration(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "boogie.apps.tasks.declaration.about.accepted.says",
        lambda task: asked.append(task) or [Order],
    )
    task = about("Order")
    assert asked == []
    assert [task.accepted_models for _ in range(3)] == [(Order,)] * 3
    assert asked == [task]


def test_a_model_that_is_not_there_yet_is_asked_for_again(monkeypatch):
    by_text, by_option = about("shop.Order"), about(Any, model="shop.Order")
    with monkeypatch.context() as early:
        early.setattr(apps, "models_ready", False)
        early.setattr(apps, "apps_ready", False)
        assert by_text.accepted_models == by_option.accepted_models == ()
    assert by_text.accepted_models == by_option.accepted_models == (Order,)


def test_an_option_that_names_no_model_yet_is_asked_for_again(monkeypatch):
    task = about(Any)
    monkeypatch.setattr(type(task), "model", "press.Later")
    assert task.accepted_models == ()
    monkeypatch.setitem(apps.all_models["press"], "later", Article)
    assert task.accepted_models == (Article,)
