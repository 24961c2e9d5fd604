"""The pages in another language: no word of English is left, and what programs read stays."""

import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Progress
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.monitoring import counting, durations, verbs
from boogie.apps.tasks.monitoring.filters import FilterError, Filters
from boogie.apps.tasks.operations import control
from tests.db.admin import object_site
from tests.db.admin.object_site import greet, wreck
from tests.house.messages import LANGUAGES, catalogue, forms, said
from tests.support.rows import stored
from tests.support.runs import work

pytestmark = [pytest.mark.once, pytest.mark.django_db(databases=["default"])]

LIST = reverse("admin:boogie_tasks_task_changelist")

#: Attributes that people read, or hear.
READ = {"title", "aria-label", "aria-valuetext", "placeholder"}


@pytest.fixture(autouse=True)
def site():
    with override_settings(ROOT_URLCONF=object_site.__name__):
        yield


@pytest.fixture(params=LANGUAGES)
def language(request, settings):
    settings.LANGUAGE_CODE = request.param
    return request.param


class Words(HTMLParser):
    """What people read of a page."""

    def __init__(self, page):
        super().__init__()
        self.found, self.tag = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tag = tag
        self.found += [value for name, value in attrs if name in READ and value]
        if tag == "input" and dict(attrs).get("type") == "submit":
            self.found.append(dict(attrs)["value"])

    def handle_data(self, data):
        # What is in <code> is data; names of tasks and URLs are in options and lists.
        if self.tag not in ("script", "style", "code", "pre"):
            self.found.append(" ".join(data.split()).strip(":;, "))


def _patterns(language):
    """Return texts that differ from their translation, as patterns of what English would be."""
    for (_context, given), message in said(catalogue(language)).items():
        for english in given:
            parts = re.split(r"%\(\w+\)[\d.]*\w", english)
            has_words = re.search(r"[a-z]{2}", " ".join(parts))
            if has_words and english not in forms(message.string):
                yield re.compile(".+".join(map(re.escape, parts)))


ENGLISH = {language: list(_patterns(language)) for language in LANGUAGES}
KNOWN = {
    language: {text for one in said(catalogue(language)).values() for text in forms(one.string)}
    for language in LANGUAGES
}


def english_in(response, language):
    """Return what a page says in English, and should say in another language."""
    found = Words(response.content.decode()).found
    words = [word for word in found if word not in KNOWN[language]]
    return [word for word in words if any(each.fullmatch(word) for each in ENGLISH[language])]


@pytest.fixture
def full(pen, root):
    """Rows of every status, workers that live and died, and something of every problem."""
    Worker.objects.create(
        id="ada@here/1", host="here", pid=47110, queues=["slow"], concurrency=4, seen=Moment(),
        started=Moment(-7200),
    )  # fmt: skip
    Worker.objects.create(id="bob@there/2", host="there", pid=2, queues=[], seen=Moment(-600))
    done = work(greet.using(requested_by=root).delayed(pen, word="x"))
    failed = work(wreck.delayed(pen))
    long_ago = timezone.now() - timedelta(hours=2)
    running = stored(
        "running", pen, worker="ada@here/1", started=long_ago, progressed=long_ago,
        progress=Progress(1200, 5000, "cleaning"),
    )  # fmt: skip
    stored("running", pen, worker="gone@here/3", started=long_ago)
    stored("queued", pen, queue="unserved", created=long_ago, due=long_ago)
    return {
        "finished": done,
        "failed": failed,
        "running": running,
        "paused": greet.paused(pen),
        "queued": greet.schedule(3600, pen),
        "cancelled": stored("cancelled", pen),
    }


PAGES = {
    "list": LIST,
    "filtered list": f"{LIST}?task=db.objects.greet&since=2h",
    "wrong filter": f"{LIST}?since=never",
    "failures": reverse("admin:boogie_tasks_failures"),
    "all failures": f"{reverse('admin:boogie_tasks_failures')}?show=all",
    "workers": reverse("admin:boogie_tasks_workers"),
    "dashboard": reverse("admin:boogie_tasks_dashboard"),
    "app": "/admin/boogie_tasks/",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_speaks_one_language_throughout(client, full, language, name):
    response = client.get(PAGES[name])
    assert response.status_code == 200
    assert f'lang="{language}"' in response.content.decode()
    assert english_in(response, language) == []


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_speaks_one_language_throughout(client, root, language, name):
    assert english_in(client.get(PAGES[name]), language) == []


@pytest.mark.parametrize(
    "status", ["finished", "failed", "running", "paused", "queued", "cancelled"]
)
def test_the_page_of_a_row_speaks_one_language_throughout(client, full, language, status):
    response = client.get(reverse("admin:boogie_tasks_task_change", args=[full[status].pk]))
    assert english_in(response, language) == []
    assert f'data-status="{status}"' in response.content.decode()


@pytest.mark.parametrize("verb", list(verbs.VERBS))
def test_the_page_that_asks_whether_one_is_sure_speaks_one_language(client, full, language, verb):
    keys = [str(row.pk) for row in full.values()]
    query = "?object=shop.product:1&status=failed&open=yes"
    for where, across in ((LIST, "0"), (LIST + query, "1")):
        data = {"action": verb, "_selected_action": keys, "index": "0", "select_across": across}
        assert english_in(client.post(where, data), language) == []


def test_the_pages_of_objects_and_forms_speak_one_language(client, full, pen, language):
    of = reverse("admin:shop_product_change", args=[pen.pk])
    start = reverse("admin:shop_product_boogie_start", args=[pen.pk, wreck.name])
    again = reverse("admin:boogie_tasks_task_again", args=[full["finished"].pk])
    # Of the project, and of tests that ran before.
    own = {"Say a word to a product.", "Greet 100 %", "Write 100 % of it down.", "Name"}
    for url in (of, start, again):
        assert set(english_in(client.get(url), language)) - own == set()
    assert set(english_in(client.post(start, {}), language)) - own == set()
    data = {"action": f"boogie:{wreck.name}", "_selected_action": [str(pen.pk)], "index": "0"}
    assert english_in(client.post(reverse("admin:shop_product_changelist"), data), language) == []


def test_the_shutdown_of_a_worker_speaks_one_language(client, full, language, monkeypatch):
    monkeypatch.setattr(control, "is_possible", lambda: True)
    for worker in ("ada@here/1", "bob@there/2"):
        asked = client.post(PAGES["workers"], {"action": "shutdown", "worker": worker}, follow=True)
        assert english_in(asked, language) == []


def test_what_finds_english_finds_it_where_there_is_some(client, full):
    assert {"All tasks", "running", "Queues and workers"} <= {*english_in(client.get(LIST), "de")}


def test_what_programs_read_is_the_same_in_every_language(client, full, settings):
    row = full["running"]
    state = f"{reverse('admin:boogie_tasks_state')}?row={row.pk}"

    def read():
        data = client.get(state).json()["rows"][0]
        shown = data.pop("shown")
        page = client.get(LIST).content.decode()
        return data, shown, re.findall(r' (?:value|max|datetime|data-[\w-]+)="([^"]*)"', page)

    def numbers(found):
        return [unescape(text) for text in found if re.fullmatch(r"[\d.,+\-T:]+", text)]

    settings.LANGUAGE_CODE = "en"
    before, english, attributes = read()
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", True
    after, german, localized = read()
    assert before == after
    assert numbers(attributes) == numbers(localized)
    assert (english["status"], german["status"]) == ("running", "läuft")
    assert german["progress"] == "1.200 von 5.000 · cleaning"


def test_numbers_are_written_as_the_language_has_them(settings):
    span = timedelta(seconds=1.25)
    settings.LANGUAGE_CODE = "de"
    for grouped in (False, True):
        settings.USE_THOUSAND_SEPARATOR = grouped
        assert str(counting.Count(2000, 1000)) == "1.000+"
        assert durations.in_words(span) == "1,2 s"
    settings.LANGUAGE_CODE = "en"
    assert (str(counting.Count(2000, 1000)), durations.in_words(span)) == ("1,000+", "1.2 s")


def test_a_count_is_grouped_once_where_a_project_groups_numbers(
    client, root, settings, monkeypatch
):
    monkeypatch.setattr("boogie.apps.tasks.admin.changelist.CAP", 1000)
    monkeypatch.setattr(
        counting, "capped", lambda sets, cap: [counting.Count(1001, 1000)] * len(sets)
    )
    settings.USE_THOUSAND_SEPARATOR = True
    assert '<span class="boogie-count">1,000+</span>' in client.get(LIST).content.decode()


def test_filters_say_which_tasks_in_the_language_of_who_asks(settings):
    chosen = Filters.parse({"status": "failed", "open": "yes"})
    assert "failed" in chosen.in_words()
    settings.LANGUAGE_CODE = "fr"
    assert "« échouée »" in chosen.in_words()
    assert chosen.in_words().endswith("oui")
    with pytest.raises(FilterError, match="est pas une date"):
        Filters.parse({"since": "never"})


def test_commands_speak_english_whatever_the_site_speaks(pen, settings, capsys):
    settings.LANGUAGE_CODE = "de"
    row = stored("running", pen)
    with pytest.raises(CommandError, match=r"since: 'never' is no time"):
        call_command("boogie_tasks", "list", "--since", "never")
    with pytest.raises(SystemExit):
        call_command("boogie_tasks", "--help")
    assert "queue paused tasks" in capsys.readouterr().out
    assert row.get_status_display() == "läuft"
