"""``manage.py boogie_tasks``: rows are listed, shown and moved; nothing moves by mistake."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from boogie.apps.tasks import Progress, Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.monitoring import health, walking
from boogie.apps.tasks.monitoring.filters import FILTERS
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)


def body(product):
    if product.name == "bad":
        raise ValueError("no")
    return product.name


look = declared(body, name="db.command.look")


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def said(capsys):
    """Return a function that runs the command and returns what it printed."""

    def run(*args):
        call_command("boogie_tasks", *args)
        return capsys.readouterr().out

    return run


def refused(*args):
    with pytest.raises(CommandError) as caught:
        call_command("boogie_tasks", *args)
    return caught.value.returncode, str(caught.value)


# --- reading --------------------------------------------------------------------------


def test_list_shows_the_newest_rows_first_as_json(said, pen):
    rows = [work(look.delayed(pen)), look.paused(pen), look.schedule(60, pen)]
    found = json.loads(said("list", "--json"))
    assert [one["id"] for one in found] == [str(row.pk) for row in reversed(rows)]
    first = found[-1]
    assert first["task"] == "db.command.look"
    assert first["status"] == "finished"
    assert first["object"] == f"shop.product:{pen.pk}"
    assert first["created"] == rows[0].created.isoformat()
    assert [one["status"] for one in json.loads(said("list", "--json", "--limit=2"))] == [
        "queued",
        "paused",
    ]


def test_list_takes_each_filter(said, pen):
    row, other = look.paused(pen), look.delayed(Product.objects.create(name="ink"))
    given = {"status": "paused", "object": f"product:{pen.pk}", "since": "1h"}
    for name, value in given.items():
        assert str(row.pk) in said("list", f"--{name}={value}")
    assert str(other.pk) not in said("list", "--status=paused")
    help_text = {name: f"--{name.replace('_', '-')}" for name in FILTERS}
    for name, option in help_text.items():
        about = {"model": "product", "object": f"product:{pen.pk}"}
        value = {"status": "paused", "open": "yes", "held_by": "queue:slow", **about}
        said("list", option, value.get(name, "2h" if name in ("since", "until") else look.name))


def test_list_looks_at_so_many_rows_and_says_where_it_stopped(pen, monkeypatch, capsys):
    for name in ("LOOK", "SLOW_LOOK"):
        monkeypatch.setattr(walking, name, 2)
    first, *others = [look.delayed(pen) for _ in range(4)]
    Task.objects.filter(pk=first.pk).update(queue="rare")
    call_command("boogie_tasks", "list", "--queue=rare")
    said = capsys.readouterr()
    assert said.out == ""
    assert "newest 2 rows were looked at" in said.err
    Task.objects.filter(pk__in=[row.pk for row in others[1:]]).delete()
    call_command("boogie_tasks", "list", "--queue=rare")
    said = capsys.readouterr()
    assert str(first.pk) in said.out
    assert said.err == ""


def test_list_says_what_a_row_failed_with(said):
    work(look.delayed(Product.objects.create(name="bad")))
    assert "failed  db.command.look" in said("list")
    assert "ValueError: no" in said("list")


def test_show_has_everything_but_the_arguments(said):
    row = work(look.delayed(Product.objects.create(name="bad")))
    found = json.loads(said("show", str(row.pk)))
    assert found["errors"][0]["message"] == "no"
    assert "args" not in found


def test_a_bar_that_stands_still_is_called_stalled(said, pen):
    rows = [look.delayed(pen), look.delayed(pen)]
    running = {"status": "running", "due": None, "started": rows[0].created, "attempt": 1}
    Task.objects.update(**running, progress=Progress(1, 4, "", 0.25), progressed=Moment())
    Task.objects.filter(pk=rows[0].pk).update(progressed=Moment(-700))
    found = {one["id"]: one["stalled"] for one in json.loads(said("list", "--json"))}
    assert found == {str(rows[0].pk): True, str(rows[1].pk): False}
    assert said("list").count("stalled") == 1
    assert health.examine(history=True).stalled == 1


# --- moving ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("run", "paused", "queued"),
        ("pause", "queued", "paused"),
        ("cancel", "queued", "cancelled"),
        ("retry", "cancelled", "queued"),
    ],
)
def test_a_verb_moves_the_rows_that_it_can(said, pen, verb, before, after):
    rows = [look.paused(pen) if before == "paused" else look.delayed(pen) for _ in range(3)]
    if before == "cancelled":
        Task.objects.all().cancel()
    assert said(verb, str(rows[0].pk), "--yes") == f"{verb}: 1 row(s)\n"
    assert Task.objects.get(pk=rows[0].pk).status == after
    assert said(verb, f"--object=product:{pen.pk}", "--yes") == f"{verb}: 2 row(s)\n"
    with pytest.raises(SystemExit) as caught:
        said(verb, "--all", "--yes")
    assert caught.value.code == 1, "nothing is left to move"


def test_a_row_that_waits_for_its_time_is_started(said, pen):
    row = look.schedule(3600, pen)
    assert said("run_now", str(row.pk), "--yes") == "run_now: 1 row(s)\n"
    assert work(row).is_finished


def test_failures_are_acknowledged(said):
    work(look.delayed(Product.objects.create(name="bad")))
    assert said("acknowledge", "--status=failed", "--yes") == "acknowledge: 1 row(s)\n"
    assert not Task.objects.open_failures().exists()


def test_running_rows_are_never_deleted(said, pen):
    row = look.delayed(pen)
    Task.objects.filter(pk=row.pk).update(
        status="running", due=None, started=row.created, attempt=1
    )
    look.paused(pen)
    assert said("delete", "--all", "--yes") == "delete: 1 row(s)\n"
    assert list(Task.objects.all()) == [row]


def test_it_asks_before_and_shows_what_it_is_about(said, pen, monkeypatch, capsys):
    row = look.paused(pen)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert refused("run", "--all") == (1, "Nothing was done.")
    assert str(row.pk) in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert said("run", "--all").endswith("run: 1 row(s)\n")


# --- wrong usage ----------------------------------------------------------------------


def test_it_does_nothing_where_nobody_can_be_asked(pen, monkeypatch):
    row = look.delayed(pen)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert refused("cancel", str(row.pk)) == (
        1,
        "Nothing was done: nobody is there to be asked. Give --yes to go on.",
    )
    row.refresh_from_db()
    assert row.is_queued


def test_all_rows_are_not_moved_by_mistake(pen):
    look.paused(pen)
    code, message = refused("run", "--yes")
    assert code == 2
    assert "which rows?" in message


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["list", "--status=done"], "status: there is no status 'done'"),
        (["list", "--task=nothing"], "There is no task 'nothing'"),
        (["list", "--since=yesterday"], "since: 'yesterday' is no time"),
        (["retry", "--object=7", "--yes"], "object: write an object as app.model:key"),
    ],
)
def test_wrong_usage_says_what_was_wrong(args, words):
    code, message = refused(*args)
    assert code == 2
    assert words in message


@pytest.mark.parametrize("args", [["list", "--limit=0"], ["show", "7"], ["jump"], []])
def test_what_the_parser_refuses(args):
    assert refused(*args)[1].startswith("Error: ")


def test_a_limit_of_no_rows_is_refused_in_plain_words():
    assert "'0' is no whole number, 1 or more" in refused("list", "--limit=0")[1]


def test_a_row_that_is_not_there_is_said():
    code, message = refused("show", "00000000-0000-7000-8000-000000000000")
    assert (code, message) == (1, "There is no row 00000000-0000-7000-8000-000000000000.")


def test_what_a_body_raised_is_one_line_that_a_terminal_does_not_obey(said, pen):
    error = {"attempt": 1, "type": "x.E", "message": "one\ntwo\x1b[31m\u2028red ✓", "at": ""}
    stored("failed", pen, errors=[error])
    (line,) = said("list").splitlines()
    assert "one\\ntwo\\x1b[31m\\u2028red ✓" in line


def test_a_limit_that_no_database_takes_is_refused():
    message = refused("list", f"--limit={10**20}")[1]
    assert "is no whole number, 1 or more, and 2147483647 at most" in message


@pytest.mark.parametrize("spelling", ["--requested-by", "--requested_by"])
def test_a_filter_has_the_name_of_the_admin_too(said, pen, spelling):
    look.paused(pen)
    assert said("list", spelling, "nobody") == ""
