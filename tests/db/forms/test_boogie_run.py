"""``manage.py boogie_run``: what it starts, what it prints, what it exits with."""

import datetime
import json

import pytest
from django import forms
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.management.commands.boogie_run import Command
from tests.db.forms.test_round_trip import Colour, Size
from tests.project.blog.models import User
from tests.project.shop.models import Bargain, Label, Order, Product, Seat
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])  # system checks ask both


def body(
    product: Product,
    title: str,
    times: int = 1,
    force: bool = False,
    colour: Colour = Colour.RED,
    size: Size | None = None,
    since: datetime.date | None = None,
    numbers: list[int] = (),
    settings: str = "none",
    sure_of_it: bool = True,
    **more,
):
    """Write 100 % of it down."""
    if title == "bad":
        raise ValueError("no")
    return {"title": title, "times": times}


write = declared(body, name="db.boogie_run.write", danger=True)
plain = declared(lambda obj: None, name="db.boogie_run.plain")


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def said(capsys):
    def run(*args, **options):
        call_command("boogie_run", *args, **options)
        return capsys.readouterr().out

    return run


def refused(*args):
    with pytest.raises(CommandError) as caught:
        call_command("boogie_run", *args)
    assert not Task.objects.exists()
    assert caught.value.returncode == 2
    return str(caught.value)


@pytest.fixture
def exit_status(monkeypatch):
    """Return a function that runs the command as the shell does, and what that sees."""
    monkeypatch.setattr(connections, "close_all", lambda: None)  # the test goes on with them

    def run(*args):
        with pytest.raises(SystemExit) as caught:
            Command().run_from_argv(["manage.py", "boogie_run", *args])
        return caught.value.code

    return run


# --- starting -------------------------------------------------------------------------


def test_arguments_have_the_types_of_the_signature(said, pen):
    options = [
        *("--title=x y", "--times", "3", "--force=true", "--colour=BLUE", "--size=s"),
        *("--since=2026-01-02", "--numbers=4", "--numbers=5", "--argument-settings=mine"),
        *("--sure-of-it=false", '--more={"a": [2]}'),
    ]
    printed = said("db.boogie_run.write", f"product:{pen.pk}", *options)
    row = Task.objects.get()
    assert printed == f"{row.pk}  queued  db.boogie_run.write\n"
    assert row.object == pen
    assert row.args == []
    assert row.kwargs == {
        "title": "x y",
        "times": 3,
        "force": True,
        "colour": 2,
        "size": "s",
        "since": datetime.date(2026, 1, 2),
        "numbers": [4, 5],
        "settings": "mine",
        "sure_of_it": False,
        "a": [2],
    }


def test_what_is_not_given_has_its_default(said, pen):
    said("db.boogie_run.write", f"shop.product:{pen.pk}", "--title=x", "--force")
    kwargs = Task.objects.get().kwargs
    assert kwargs["force"] is True
    assert kwargs["sure_of_it"] is True
    assert (kwargs["times"], kwargs["colour"], kwargs["size"], kwargs["numbers"]) == (
        *(1, "r"),
        *(None, []),
    )
    assert work(Task.objects.get()).is_finished


@pytest.mark.parametrize(
    ("option", "seconds"), [("--at=2h", 7200), ("--at=2099-01-02T03:04+00:00", None)]
)
def test_a_row_may_start_later(said, pen, option, seconds):
    said("db.boogie_run.plain", f"product:{pen.pk}", option)
    when = Task.objects.get().scheduled_for
    if seconds is None:
        assert when == datetime.datetime(2099, 1, 2, 3, 4, tzinfo=datetime.UTC)
    else:
        assert abs((when - timezone.now()).total_seconds() - seconds) < 60


def test_a_row_may_be_paused(said, pen):
    assert "paused" in said("db.boogie_run.plain", f"product:{pen.pk}", "--paused")
    said("--paused", "db.boogie_run.plain", f"product:{pen.pk}")
    said("db.boogie_run.plain", f"product:{pen.pk}", paused=True)
    assert Task.objects.paused().count() == 3


def test_objects_have_keys_of_every_kind(said):
    order, label = Order.objects.create(), Label.objects.create(text="a:b c")
    seat = Seat.objects.create(hall="A", number=7)
    for reference in (f"order:{order.pk}", "shop.label:a:b c", 'seat:["A", 7]'):
        said("db.boogie_run.plain", reference)
    assert [row.object for row in Task.objects.order_by("pk")] == [order, label, seat]


class OwnForm(forms.Form):
    title = forms.CharField(initial="as before")
    sizes = forms.MultipleChoiceField(choices=Size.choices)


def test_a_form_of_its_own_is_asked(said, pen):
    task = declared(lambda product, title, sizes: None, form=OwnForm)
    said(task.name, f"product:{pen.pk}", "--sizes=s", "--sizes=l")
    assert Task.objects.get().kwargs == {"title": "as before", "sizes": ["s", "l"]}


# --- waiting --------------------------------------------------------------------------


def ended(monkeypatch):
    """Have a row run while it is waited for."""
    wait = Task.wait
    monkeypatch.setattr(Task, "wait", lambda row: (work(row), wait(row, timeout=0))[1])


def test_the_result_is_waited_for_and_printed(said, pen, monkeypatch):
    ended(monkeypatch)
    printed = said("db.boogie_run.write", f"product:{pen.pk}", "--title=x", "--wait")
    assert json.loads(printed.splitlines()[1]) == {"title": "x", "times": 1}


def test_a_run_that_fails_is_exit_status_1(pen, monkeypatch, capsys, exit_status):
    ended(monkeypatch)
    assert exit_status("db.boogie_run.write", f"product:{pen.pk}", "--title=bad", "--wait") == 1
    assert "TaskFailed: " in capsys.readouterr().err


# --- wrong usage ----------------------------------------------------------------------


def test_an_unknown_task_is_exit_status_2(capsys, exit_status):
    assert exit_status("db.boogie_run.nothing", "product:1") == 2
    assert "There is no task 'db.boogie_run.nothing'." in capsys.readouterr().err


WRONG = {
    "no object": ([], "the following arguments are required: app.model:key"),
    "no reference": (["7"], "Write the object as app.model:key, not '7'."),
    "no model": (["pencil:7"], "there is no model 'pencil'"),
    "no such object": (["product:0"], "There is no shop.product with the key '0'."),
    "no key": (["product:pen"], "There is no shop.product with the key 'pen'."),
    "another model": (
        ["order:1"],
        "is about shop.product, shop.book, shop.bargain, not about shop",
    ),
    "nothing given": (["product:PEN"], "--title: This field is required."),
    "a wrong type": (["product:PEN", "--title=x", "--times=x"], "--times: Enter a whole number."),
    "no choice": (["product:PEN", "--title=x", "--size=m"], "--size: m is none of s, l."),
    "no bool": (["product:PEN", "--title=x", "--force=nope"], "--force: Write true or false."),
    "no time": (["product:PEN", "--title=x", "--at=soon"], "--at: Enter a valid date/time."),
    "a typing error": (["product:PEN", "--tittle=x"], "unrecognized arguments: --tittle=x"),
    "an abbreviation": (["product:PEN", "--titl=x"], "unrecognized arguments"),
    "paused and waiting": (["product:PEN", "--title=x", "--paused", "--wait"], "--paused: such a"),
}


@pytest.mark.parametrize(("args", "words"), WRONG.values(), ids=WRONG)
def test_wrong_usage_says_what_was_wrong(pen, args, words):
    args = [arg.replace("PEN", str(pen.pk)) for arg in args]
    assert words in refused("db.boogie_run.write", *args)


def test_a_name_of_several_models_is_refused_with_theirs(pen, monkeypatch):
    label = Label.objects.create(text="x")
    monkeypatch.setattr(User._meta, "model_name", "label")
    message = refused("db.boogie_run.plain", "label:x")
    assert "'label' is the name of several models: blog.label, shop.label." in message
    call_command("boogie_run", "db.boogie_run.plain", "shop.label:x")
    about_labels = declared(lambda obj: None, model=Label)
    call_command("boogie_run", about_labels.name, "label:x")
    assert {row.object for row in Task.objects.all()} == {label}


def test_a_proxy_stays_one(said, pen):
    said("db.boogie_run.write", f"bargain:{pen.pk}", "--title=x")
    assert type(Task.objects.get().object) is Bargain


# --- help -----------------------------------------------------------------------------


def test_help_of_a_task_says_what_it_takes(capsys, exit_status):
    assert exit_status("db.boogie_run.write", "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "Write 100 % of it down.",
        "--title VALUE",
        "--argument-settings VALUE",
        "--sure-of-it",
        "RED, BLUE",
        "Default: 1.",
        "--wait",
        "the object: shop.product or shop.book or shop.bargain",
    ):
        assert words in text
    assert exit_status("--help") == 0
    assert "app.tasks.clean --help says" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("at", ["999999w", "9999-12-31", "0001-01-01", "\0"])
def test_a_time_at_which_nothing_can_begin_is_wrong_usage(pen, at):
    reference = f"shop.product:{pen.pk}"
    assert refused(plain.name, reference, f"--at={at}").startswith("--at: ")
    assert not Task.objects.exists()


def test_an_argument_may_be_an_object_named_by_its_key(pen, said):
    far = Product.objects.create(name="far")

    @declared(name="db.boogie_run.transfer")
    def transfer(product: Product, to: Product, also: list[Order] = ()):
        return {"to": to.name, "also": [str(order.pk) for order in also]}

    orders = [Order.objects.create(), Order.objects.create()]
    more = [f"--also={order.pk}" for order in orders]
    said("db.boogie_run.transfer", f"product:{pen.pk}", f"--to={far.pk}", *more)
    row = transfer.tasks(pen).get()
    assert row.get_arguments() == ([], {"to": far, "also": orders})
    assert work(row).result == {"to": "far", "also": [str(order.pk) for order in orders]}
    Task.objects.all().delete()
    words = refused("db.boogie_run.transfer", f"product:{pen.pk}", "--to=0")
    assert "There is no product with the key 0." in str(words)
