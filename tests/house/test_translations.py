"""What people see can be translated, and is: into every language that we ship, to the last text."""

import re
import string
from html.parser import HTMLParser

import django
import pytest
from babel.messages import Catalog
from babel.messages.mofile import read_mo
from django.apps import apps
from django.conf import settings
from django.template.base import Lexer, TokenType
from django.utils.functional import Promise
from django.utils.translation import override

from boogie.apps.tasks.admin.detail import path
from boogie.apps.tasks.lifecycle import states
from tests.house.messages import (
    APP,
    LANGUAGES,
    catalogue,
    files,
    forms,
    missing,
    place,
    renewed,
    said,
    texts,
)
from tests.house.sources import label

TEMPLATES = sorted((APP / "templates").rglob("*.html"))

#: Words of templates that are the same in every language.
NO_WORDS = {"p95", "p99", "celery -A … worker -Q"}

#: Blocks that are translated, and those that hold nothing to be read.
NOT_READ = ("blocktranslate", "comment", "block bodyclass")

#: Attributes that people read, or hear.
READ = {"title", "aria-label", "aria-valuetext", "alt", "placeholder", "summary"}


@pytest.fixture(scope="module")
def english():
    return texts()


# --- the catalogues -------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_text_and_no_other(language, english):
    wanted, there = set(said(english)), set(said(catalogue(language)))
    assert there == wanted, f"run make messages: {sorted(map(str, there ^ wanted))}"
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_by_somebody_who_was_sure(language):
    for message in said(catalogue(language)).values():
        assert all(forms(message.string)), message.id
        assert not message.fuzzy, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_text(language):
    catalog = catalogue(language)
    assert [(message.id, errors) for message, errors in catalog.check()] == []
    for message in said(catalog).values():
        given = forms(message.string)
        assert {_placeholders(text) for text in forms(message.id)} >= set(
            map(_placeholders, given)
        ), message.id
        assert len(given) == (catalog.num_plurals if message.pluralizable else 1), message.id


def _placeholders(text):
    percent = re.findall(r"%\(\w+\)[\d.]*\w", text)
    braces = [] if percent else [name for _, name, *_ in string.Formatter().parse(_safe(text))]
    return tuple(sorted({*percent, *(f"{{{name}}}" for name in braces if name)}))


def _safe(text):
    """Return a text without the braces of JSON."""
    return text.replace("{...}", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_that_django_reads_says_what_the_one_of_the_translators_says(language):
    written, compiled = said(catalogue(language)), said(catalogue(language, "mo"))
    assert {key: forms(one.string) for key, one in compiled.items()} == {
        key: forms(one.string) for key, one in written.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_django_has_too_is_translated_as_there(language):
    """Ours would stand in for Django's, on every page of the project."""
    ours = said(catalogue(language))
    for app in ("conf", "contrib/admin", "contrib/auth", "contrib/contenttypes"):
        for key, one in said(_of_django(app, language)).items():
            if key in ours:
                assert forms(ours[key].string) == forms(one.string), (app, key)


def _of_django(app, language) -> Catalog:
    folder = f"{django.__path__[0]}/{app}/locale/{language}/LC_MESSAGES"
    with open(f"{folder}/django.mo", "rb") as file:
        return read_mo(file)


@pytest.mark.parametrize("language", LANGUAGES)
def test_making_a_catalogue_anew_changes_nothing_and_misses_nothing(language, english):
    made = renewed(language, english)
    assert missing(made) == []
    for kind, content in files(made).items():
        assert content == place(language, kind).read_bytes(), f"run make messages: {kind}"


# --- what is said ---------------------------------------------------------------------


class Words(HTMLParser):
    """What people read of a template, without what is filled in."""

    def __init__(self, template):
        super().__init__()
        self.found = []
        self.feed(template)

    def handle_data(self, data):
        self.found.append(data)

    def handle_starttag(self, tag, attrs):
        self.found += [value or "" for name, value in attrs if name in READ]


def _outside_of_translations(source):
    """Return the HTML of a template without its tags, and without what they translate."""
    parts, is_inside = [], False
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            is_inside = token.contents.startswith(NOT_READ) or (
                is_inside and not token.contents.startswith("end")
            )
        elif token.token_type == TokenType.TEXT and not is_inside:
            parts.append(token.contents)
    return "".join(parts)


@pytest.mark.parametrize("template", TEMPLATES, ids=label)
def test_a_template_has_no_word_that_cannot_be_translated(template):
    found = Words(_outside_of_translations(template.read_text(encoding="utf-8"))).found
    words = {" ".join(text.split()) for text in found if re.search(r"[^\W\d_]{2}", text)}
    assert words - NO_WORDS == set()


def test_what_django_reads_at_import_is_translated_only_when_it_is_shown():
    app = apps.get_app_config("boogie_tasks")
    assert isinstance(app.verbose_name, Promise)
    for model in app.get_models():
        assert isinstance(model._meta.verbose_name, Promise), model
        assert isinstance(model._meta.verbose_name_plural, Promise), model
        for _codename, name in model._meta.permissions:
            assert isinstance(name, Promise), name
    for field in app.get_model("Task")._meta.concrete_fields:
        assert field.primary_key or isinstance(field.verbose_name, Promise), field


@pytest.mark.parametrize("language", LANGUAGES)
def test_statuses_and_arrows_have_names_in_the_language_of_who_looks(language):
    with override(language):
        for status, name in states.STATUS:
            assert str(name) != status
        for arrow in states.ARROWS:
            assert str(path.ARROWS[arrow.name]) != arrow.name


def test_the_languages_that_are_shipped_are_languages_of_django():
    assert {*LANGUAGES} <= {code for code, _name in settings.LANGUAGES}
