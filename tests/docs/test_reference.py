"""What the reference says is what the code has: neither more nor less."""

import importlib.util
import inspect
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from django.urls import URLResolver, get_resolver

import boogie.apps.tasks
from boogie.apps.tasks import BoogieTask, Schedule, Task, checks, signals, testing
from boogie.apps.tasks.conf import Conf
from boogie.apps.tasks.declaration.each import Each
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.live import states as live_states
from boogie.apps.tasks.monitoring.health import Health
from boogie.apps.tasks.testing import plugin
from tests.db.admin import object_site
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.support.rows import stored

REFERENCE = ROOT / "docs/reference"


def table(page, columns):
    """Return the rows of every list-table of a page that has so many columns."""
    rows = []
    for line in (REFERENCE / page).read_text().splitlines():
        if match := re.match(r" +\* - (.*)", line):
            rows.append([match[1]])
        elif match := re.match(r" +- (.*)", line):
            rows[-1].append(match[1])
        elif rows and line.startswith("       "):
            rows[-1][-1] += " " + line.strip()
    return [row for row in rows if len(row) == columns]


def literals(text):
    return re.findall(r"``([^`]+)``", text)


# --- settings, checks, fields, signals ------------------------------------------------


def test_every_setting_is_documented_with_its_type_and_default():
    kinds = {
        "_Seconds": "seconds",
        "_Count": "count",
        "_Flag": "flag",
        "_Secret": "text",
        "_Path": "path",
        "_Retention": "retention",
        "_Level": "level",
        "_Version": "text",
        "_Keys": "keys",
        "_Paths": "list of paths",
        "_Choice": "text",
    }
    real = {}
    for key in Conf.names():
        setting = vars(Conf)[key]
        real[key] = (kinds[type(setting.kind).__name__], repr(setting.default))
    documented = {literals(key)[0]: (kind, default) for key, kind, default, _ in settings_rows()}
    assert {key: (kind, literals(d)[0]) for key, (kind, d) in documented.items()} == real


def settings_rows():
    return [row for row in table("settings.rst", 4) if row[0] != "key"]


#: The names of checks, as they are written in code.
CHECK = r"boogie_tasks\.[EW]\d{3}"


def test_every_system_check_is_documented():
    rooms = Path(checks.__file__).parent.rglob("*.py")
    raised = {name for room in rooms for name in re.findall(CHECK, room.read_text())}
    assert {literals(row[0])[0] for row in table("checks.rst", 2) if literals(row[0])} == raised


def test_every_field_of_a_row_is_documented():
    documented = [name for row in table("row.rst", 2) for name in literals(row[0])]
    assert documented == list(dict.fromkeys(documented)), "a field is documented twice"
    assert set(documented) == {field.name for field in Task._meta.concrete_fields}


def test_every_signal_is_documented():
    documented = {literals(row[0])[0] for row in table("signals.rst", 2) if literals(row[0])}
    assert documented == set(signals.__all__)


def test_every_key_of_boogie_status_is_documented():
    documented = [literals(row[0])[0] for row in table("health.rst", 2) if literals(row[0])]
    assert documented == list(Health().as_dict())


@pytest.mark.django_db
def test_every_key_of_a_row_that_pages_are_told_is_documented():
    told = live_states.describe_row(stored("queued"), in_full=True)
    documented = [name for line in table("live.rst", 2) for name in literals(line[0])]
    assert set(told) <= set(documented)
    (shown,) = [line[1] for line in table("live.rst", 2) if literals(line[0]) == ["shown"]]
    assert set(literals(shown)) == set(told["shown"])


def test_every_address_and_every_permission_is_documented():
    documented = [name for row in table("addresses.rst", 2) for name in literals(row[0])]
    assert documented == list(dict.fromkeys(documented)), "one is documented twice"
    real = {*_addresses(get_resolver()), *_addresses(get_resolver(object_site.__name__))}
    named = {re.sub(r"admin:\w+_boogie_start", "admin:<app>_<model>_boogie_start", n) for n in real}
    nobodys = ("task_add", "batch_add", "batch_delete")
    unused = {f"admin:boogie_tasks_{name}" for name in nobodys}  # Django's; nobody may
    assert {name for name in documented if ":" in name} == named - unused
    options = Task._meta
    codenames = [f"{verb}_task" for verb in options.default_permissions if verb != "change"]
    codenames += [codename for codename, _ in options.permissions]
    codenames += [f"{verb}_schedule" for verb in Schedule._meta.default_permissions]
    assert {name for name in documented if ":" not in name} == {
        f"boogie_tasks.{codename}" for codename in codenames
    }


def _addresses(resolver, space=""):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern, space + f"{pattern.namespace or ''}:".lstrip(":"))
        elif "boogie" in f"{space}{pattern.name}":
            yield f"{space}{pattern.name}"


# --- states ---------------------------------------------------------------------------


def test_the_table_of_arrows_is_the_one_of_the_code():
    documented = {
        name: (_sources(sources), target, None if signal == "none" else signal)
        for name, sources, target, signal, _ in table("states.rst", 5)
        if name != "arrow"
    }
    assert documented == {a.name: (a.sources, a.target, a.signal_name) for a in states.ARROWS}


def _sources(text):
    return frozenset() if text == "nothing" else frozenset(text.split(", "))


def test_the_picture_shows_every_status_and_every_arrow():
    drawn = ElementTree.parse(ROOT / "docs/states.svg")
    edges = [dict(node.attrib) for node in drawn.iter() if "data-arrow" in node.attrib]
    assert sorted((e["data-arrow"], e["data-source"], e["data-target"]) for e in edges) == sorted(
        (arrow.name, source, arrow.target) for arrow in states.ARROWS for source in arrow.sources
    )
    boxes = {node.attrib["data-status"] for node in drawn.iter() if "data-status" in node.attrib}
    assert boxes == {status for status, _ in states.STATUS}


def test_the_committed_picture_is_the_one_that_the_script_draws():
    spec = importlib.util.spec_from_file_location("docs_states", ROOT / "docs/states.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text() == script.picture(states.ARROWS, states.ENDED)


def test_every_picture_is_shown_with_a_text_and_is_small():
    shown = set()
    for page in pages.pages():
        for path, options in re.findall(
            r"\.\. (?:image|figure):: (\S+\.png)\n((?: +.*\n)*)", page.read_text()
        ):
            assert ":alt: " in options, f"{pages.name(page)}: {path}"
            shown.add((page.parent / path).resolve())
    pictures = set((ROOT / "docs/pictures").iterdir())
    assert shown == pictures
    assert max(path.stat().st_size for path in pictures) <= 120_000


# --- API ------------------------------------------------------------------------------


def test_every_public_name_is_documented():
    text = (REFERENCE / "api.rst").read_text()
    by_autodoc = vars(boogie.apps.tasks.exceptions).keys()
    missing = [
        name
        for name in boogie.apps.tasks.__all__
        if name not in by_autodoc and f":: {name}\n" not in text and f"``{name}``" not in text
    ]
    assert missing == []


def test_every_name_and_every_fixture_for_tests_is_documented():
    text = (REFERENCE / "testing.rst").read_text()
    documented = set(re.findall(r"^(?:\.\. autofunction:: |``)(\w+)(?:``)?$", text, re.MULTILINE))
    fixtures = {
        name for name, value in vars(plugin).items() if type(value).__name__.startswith("Fixture")
    }
    assert {"run_tasks", "made_tasks", "boogie_clock", "boogie_worker"} == fixtures
    assert documented == {*testing.__all__, *fixtures}


def test_the_calls_have_the_signatures_that_are_documented():
    rows = [row[0] for row in table("api.rst", 2) if "task_func" in row[0]]
    calls = [call for row in rows for call in literals(row)]
    found = {}
    for call in calls:
        name, _, signature = call.removeprefix("task_func").lstrip(".").partition("(")
        found[name or "__call__"] = f"({signature}".replace("()", "(obj)")
    assert found.keys() == {
        "__call__",
        *("call", "delayed", "paused", "schedule", "repeat"),
        *("each", "each.paused", "each.schedule"),
        *("results", "tasks", "finished", "exists", "latest", "clean"),
    }
    for name in found.keys() - {"__call__"}:
        real = inspect.signature(_callable(name)).parameters.values()
        plain = [f"{p}".partition(":")[0] + _default(p) for p in real if p.name != "self"]
        if name.startswith("each"):  # it is taken out of the keywords
            plain.insert(-1, "chunk_size=None")
        assert found[name] == f"({', '.join(plain)})", name


def _callable(name):
    first, _, rest = name.partition(".")
    return getattr(Each, rest or "__call__") if first == "each" else getattr(BoogieTask, name)


def _default(parameter):
    return "" if parameter.default is parameter.empty else f"={parameter.default!r}"


# --- blocks ---------------------------------------------------------------------------


def test_blocks_that_are_not_run_are_these_and_say_why():
    unrun = [
        (step.page, step.language, step.mark)
        for page in pages.pages()
        for step in pages.steps(page)
        if step.mark in ("skip", "dry-run")
    ]
    assert sorted(unrun) == [
        ("CONTRIBUTING.rst", "console", "dry-run"),
        ("README.rst", "console", "dry-run"),
        ("docs/coming-from-celery.rst", "python", "skip"),
        ("docs/howto/brokers.rst", "python", "skip"),
    ]
    reasons = [s.argument for p in pages.pages() for s in pages.steps(p) if s.mark == "skip"]
    assert all(reasons)


@pytest.mark.parametrize("page", pages.pages(), ids=pages.name)
def test_no_block_of_a_page_escapes_the_reader(page):
    text = page.read_text()
    steps = pages.steps(page)
    blocks = [step for step in steps if step.language]
    assert len(blocks) == len(re.findall(r"(?:code-block|sourcecode|code)::", text))
    assert {step.language for step in blocks} <= pages.RUN | pages.READ
    unmarked = [line for line in text.splitlines() if re.match(r"^(?! *(\.\.|:)).*::$", line)]
    assert unmarked == [], "a literal block: give it a language with code-block"
    assert not re.search(r"^ *>>> ", _without_blocks(text), re.MULTILINE), "a doctest block"
    for step in blocks:
        if step.language == "console" and step.mark != "skip":
            assert pages.commands(step), f"{step} has no command"
        if step.language == "pycon":
            assert step.mark == "", f"{step}: sessions are typed, never written"


def _without_blocks(text):
    for block in re.findall(r"\.\. code-block:: \w+\n((?:\n|    .*\n?)+)", text):
        text = text.replace(block, "\n")
    return text


def test_the_example_stands_in_the_first_forty_lines_of_the_readme():
    shown = [step for step in pages.steps(ROOT / "README.rst") if step.line < 40]
    assert [step.language for step in shown if step.language] == ["python", "pycon"]
    assert all(step.line + step.source.count("\n") < 40 for step in shown)


def test_the_documentation_builds_without_warnings(tmp_path):
    pytest.importorskip("furo", reason="the documentation is built with the group 'docs'")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "reference/api.html").read_text()
    names = ["BoogieTask.retry", "BoogieTask.check_cancelled", "Task.wait", "WorkerLost"]
    missing = [name for name in names if not re.search(f'id="boogie[.a-z]*.{name}"', html)]
    assert missing == []
