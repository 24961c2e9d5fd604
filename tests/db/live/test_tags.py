"""``{% load boogie_tasks %}``: widgets are whole without JavaScript; a row costs no query."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.test import AsyncRequestFactory, RequestFactory, override_settings

from boogie.apps.tasks import Progress, task
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.live import tokens
from boogie.apps.tasks.live.tokens import Watched
from tests.house.sources import APP
from tests.project.shop.models import Bargain, Product
from tests.support.rows import stored
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

#: A project that has not included ours.
urlpatterns = []

TEMPLATES = sorted((APP / "templates/boogie_tasks").glob("*.html"))
STYLES = (APP / "static/boogie_tasks/widgets.css").read_text()


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def render(source, **context):
    return Template("{% load boogie_tasks %}" + source).render(Context(context))


def attributes(html, tag):
    """Return the attributes of the first element ``tag``."""
    return dict(re.findall(r'([\w-]+)(?:="([^"]*)")?', re.search(rf"<{tag} ([^>]*)>", html)[1]))


# --- badges and bars ------------------------------------------------------------------


@pytest.mark.parametrize("status", [str(status) for status, _ in states.STATUS])
def test_a_badge_names_the_status_and_carries_a_token_for_its_row(pen, status):
    row = stored(status, pen)
    html = render("{% task_badge row %}", row=row)
    found = attributes(html, "span")
    assert (found["data-boogie-row"], found["data-status"]) == (str(row.pk), status)
    assert tokens.read(found["data-boogie-token"]) == row.pk
    assert re.search(r">(.*)</span>", html)[1] == status


def test_a_bar_has_a_role_a_value_and_words(pen):
    row = stored("running", pen, progress=Progress(40, 100, "cleaning", 0.4))
    bar = attributes(render("{% task_progress row %}", row=row), "progress")
    assert (bar["role"], bar["value"], bar["max"]) == ("progressbar", "40", "100")
    assert bar["aria-valuetext"] == "40 of 100 · cleaning"
    assert bar["aria-label"] == "Progress of db.rows.any"
    assert "hidden" not in bar
    assert "style" not in bar


@pytest.mark.parametrize(
    ("progress", "value", "most"),
    [
        (Progress(1, 4, "", 0.375), "1.5", "4"),  # half of the second step
        (Progress(0, 0, "", 1.0), "1", "1"),
        (Progress(1234567, 2000000, "", 0.6172835), "1234567", "2000000"),
        (Progress(0.5, 1.5, "", 1 / 3), "0.5", "1.5"),
    ],
)
def test_a_bar_stands_where_the_run_is_in_any_language(pen, progress, value, most):
    row = stored("running", pen, progress=progress)
    with override_settings(USE_THOUSAND_SEPARATOR=True, LANGUAGE_CODE="de"):
        bar = attributes(render("{% task_progress row %}", row=row), "progress")
    assert (bar["value"], bar["max"]) == (value, most)


@pytest.mark.parametrize(
    ("status", "progress", "is_hidden", "text"),
    [
        ("running", None, False, "running"),
        ("running", Progress(7, None, "reading"), False, "7 · reading"),
        ("queued", None, True, "queued"),
        ("finished", Progress(7, None, ""), True, "finished · 7"),
        ("failed", Progress(1, 2, "", 0.5), False, "failed · 1 of 2"),
    ],
)
def test_a_bar_is_shown_if_there_is_something_to_say(pen, status, progress, is_hidden, text):
    html = render("{% task_progress row %}", row=stored(status, pen, progress=progress))
    assert ("hidden" in attributes(html, "progress")) == is_hidden
    assert f">{text}</span>" in html


def test_beside_a_badge_a_bar_need_not_name_the_status(pen):
    for progress, text in ((None, ""), (Progress(1, 2, "", 0.5), "1 of 2")):
        row = stored("failed", pen, progress=progress)
        html = render("{% task_progress row status=False %}", row=row)
        assert f'data-boogie-field="progress">{text}</span>' in html


def test_what_a_body_says_is_text_and_no_html(pen):
    row = stored("running", pen, progress=Progress(1, 2, "<b>\"'", 0.5))
    html = render("{% task_progress row %}", row=row)
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;" in html


@pytest.mark.parametrize("tag", ["task_badge", "task_progress"])
def test_of_no_row_nothing_is_shown(tag):
    assert render("{% " + tag + " row %}", row=None).strip() == ""
    assert render("{% " + tag + " unknown %}").strip() == ""


def test_a_task_is_called_by_its_label(pen):
    @task(label="Tell the shop", name="db.live.labelled")
    def labelled(product):
        pass

    row = labelled.paused(pen)
    html = render("{% object_tasks pen %}{% task_progress row %}", pen=pen, row=row)
    assert 'data-boogie-field="task">Tell the shop</span>' in html
    assert html.count('aria-label="Progress of Tell the shop"') == 2
    assert "db.live.labelled" not in html


def test_a_list_of_rows_makes_no_query(pen):
    rows = [stored("running", pen, progress=Progress(1, 2, "", 0.5)) for _ in range(20)]
    with statements() as sent:
        html = render("{% for r in rows %}{% task_badge r %}{% task_progress r %}{% endfor %}",
                      rows=rows)  # fmt: skip
    assert html.count("data-boogie-row") == 40
    assert sent == []


# --- the rows of an object ------------------------------------------------------------


def test_an_object_shows_its_newest_rows(pen):
    rows = [stored("queued", pen) for _ in range(4)]
    stored("queued")
    render("{% object_tasks pen %}", pen=pen)
    with statements() as sent:
        html = render("{% object_tasks pen limit=3 %}", pen=pen)
    found = re.findall(r'<li [^>]*data-boogie-row="([^"]+)"', html)
    assert found == [str(row.pk) for row in rows[:0:-1]]
    assert len([sql for sql in sent if "boogie_tasks_task" in sql]) == 1
    token = attributes(html, "div")["data-boogie-token"]
    assert tokens.read(token) == Watched("shop.product", str(pen.pk), "default", 3)


def test_an_object_and_its_proxy_are_watched_as_one(pen):
    one, other = (Watched.of(obj, 5) for obj in (pen, Bargain.objects.get(pk=pen.pk)))
    assert one == other


def test_an_object_without_rows_says_so(pen):
    html = render("{% object_tasks pen %}", pen=pen)
    assert "No tasks yet." in html
    assert 'class="boogie-empty">' in html


@pytest.mark.parametrize("wrong", [None, Product(name="new"), "text"])
def test_what_is_no_stored_object_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="object_tasks"):
        render("{% object_tasks obj %}", obj=wrong)


# --- scripts --------------------------------------------------------------------------


def test_the_script_is_told_where_to_ask():
    script = attributes(render("{% boogie_tasks_scripts %}"), "script")
    assert script["data-boogie-state"] == "/tasks/state"
    assert script["data-boogie-events"] == "/tasks/events"
    assert script["type"] == "module"


def test_a_page_under_wsgi_is_told_of_no_events():
    found = {
        kind: attributes(render("{% boogie_tasks_scripts %}", request=factory().get("/")), "script")
        for kind, factory in {"wsgi": RequestFactory, "asgi": AsyncRequestFactory}.items()
    }
    assert "data-boogie-events" not in found["wsgi"]
    assert "data-boogie-events" in found["asgi"]


@override_settings(ROOT_URLCONF=__name__)
def test_a_project_without_our_urls_is_told_what_to_do_or_names_its_own():
    with pytest.raises(ImproperlyConfigured, match=r'include\("boogie.apps.tasks.urls"\)'):
        render("{% boogie_tasks_scripts %}")
    script = attributes(
        render('{% boogie_tasks_scripts state_url="/s" events_url="/e" %}'), "script"
    )
    assert (script["data-boogie-state"], script["data-boogie-events"]) == ("/s", "/e")


# --- looks ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline(path):
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", path.read_text())


def palettes():
    """Return the colours of each block of the stylesheet that sets them."""
    for block in re.findall(r"\{([^{}]*--boogie-neutral:[^{}]*)\}", STYLES):
        yield dict(re.findall(r"--boogie-([\w-]+): (#\w{6});", block))


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_badges_are_readable_in_both_schemes():
    found = list(palettes())
    assert len(found) == 3
    for palette in found:
        for name in ("neutral", "waiting", "active", "good", "bad"):
            lights = sorted(luminance(palette[key]) for key in (name, f"{name}-back"))
            assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, (name, palette)
