"""Which models are of one family: those whose objects share their key."""

import pytest
from django.apps import apps
from django.db.migrations.state import ProjectState
from django.test.utils import isolate_apps

from boogie.apps.tasks.serialization import kinship
from tests.project.blog.models import User
from tests.project.press import models as press
from tests.project.shop.models import Bargain, Book, Product, Seat

PAGES = {
    *(press.Page, press.Article, press.Review, press.Draft, press.Gallery, press.Feature),
    press.Film,
}

ROOTS = {
    press.Page: press.Page,
    press.Article: press.Page,
    press.Review: press.Page,
    press.Draft: press.Page,
    press.Gallery: press.Page,
    press.Feature: press.Page,
    press.Film: press.Page,
    press.Medium: press.Medium,
    press.Footnote: press.Footnote,
    press.Cover: press.Cover,
    press.Parcel: press.Shipment,
    press.Badge: press.Word,
    press.Concert: press.Event,
    Bargain: Product,
    Book: Product,
    Seat: Seat,
}


@pytest.mark.parametrize("model", ROOTS, ids=lambda model: model.__name__)
def test_the_root_is_the_topmost_model_that_shares_the_key(model):
    assert kinship.root(model) is ROOTS[model]
    assert model in kinship.family(model)


@pytest.mark.parametrize("model", sorted(PAGES, key=lambda model: model.__name__))
def test_everything_that_shares_a_key_is_one_family(model):
    assert set(kinship.family(model)) == PAGES


BRANCHES = {
    press.Page: PAGES,
    press.Article: {press.Article, press.Review, press.Draft, press.Feature},
    press.Draft: {press.Article, press.Review, press.Draft, press.Feature},
    press.Gallery: {press.Gallery, press.Feature},
    press.Feature: {press.Feature},
    press.Medium: {press.Medium},
    press.Footnote: {press.Footnote},
}


@pytest.mark.parametrize("model", BRANCHES, ids=lambda model: model.__name__)
def test_a_branch_is_what_its_model_is_by_another_name(model):
    assert set(kinship.branch(model)) == BRANCHES[model]


def test_the_model_of_a_migration_has_the_family_of_that_of_today():
    old = ProjectState.from_apps(apps).apps.get_model("press", "Article")
    assert old is not press.Article
    assert kinship.root(old) is press.Page
    assert set(kinship.family(old)) == PAGES


@isolate_apps("tests.project.press")
def test_a_model_that_is_not_installed_is_of_the_family_of_its_parent():
    class Clip(press.Film):
        class Meta:
            app_label = "press"

    assert kinship.root(Clip) is press.Page
    assert set(kinship.family(Clip)) == {*PAGES, Clip}
    assert Clip not in kinship.family(press.Page)


def test_a_model_that_is_registered_later_comes_into_its_family(monkeypatch):
    assert press.Page in kinship.family(press.Page)
    before = dict(apps.all_models["press"])
    try:

        class Late(press.Page):
            class Meta:
                app_label = "press"

        assert Late in kinship.family(press.Article)
        assert kinship.root(Late) is press.Page
    finally:
        apps.all_models["press"].clear()
        apps.all_models["press"].update(before)
        apps.clear_cache()
    assert all(model.__name__ != "Late" for model in kinship.family(press.Page))


def test_an_abstract_parent_changes_nothing():
    assert kinship.root(User) is User
    assert kinship.family(User) == [User]
