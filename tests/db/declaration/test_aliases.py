"""``@task(aliases=[...])``: rows from before a task was renamed."""

import pytest
from celery import Celery
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import BoogieTask, Task, current_app, registry, task_finished
from boogie.apps.tasks.execution import losses
from tests.project.celery import app
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, ring, work

pytestmark = pytest.mark.django_db

OLD, OLDER = "db.aliases.old", "db.aliases.older"


class Renamed(BoogieTask):
    """Its results are sets, which JSON has not."""

    def run(self, product, *numbers):
        return set(numbers)

    def serialize_result(self, result):
        return sorted(result)

    def deserialize_result(self, data):
        return set(data)


renamed = Renamed.as_task(name="db.aliases.new", aliases=[OLD, OLDER])


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


# --- rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [OLD, OLDER, renamed.name])
def test_a_row_and_a_doorbell_with_an_old_name_run(product, name):
    row = work(stored("queued", product, name, args=[3, 1]))
    assert row.is_finished
    assert row.name == name
    assert row.result == [1, 3]
    assert row.get_result() == row.wait(5) == {1, 3}


def test_signals_of_old_rows_have_the_task_as_sender(product, django_capture_on_commit_callbacks):
    heard = []

    def note(sender, task, **extra):
        heard.append(task.name)

    task_finished.connect(note, sender=renamed)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            work(stored("queued", product, OLD))
    finally:
        task_finished.disconnect(note, sender=renamed)
    assert heard == [OLD]


def test_a_row_with_an_old_name_runs_by_a_doorbell_with_the_new_one(product):
    row = stored("queued", product, OLD)
    ring(renamed.name, row.pk)
    row.refresh_from_db()
    assert row.is_finished


def test_the_task_reads_rows_with_all_its_names(product):
    rows = [stored("finished", product, name, result=[n]) for n, name in enumerate(renamed.names)]
    stored("finished", product, "db.aliases.another", result=[9])
    assert set(renamed.tasks()) == set(renamed.tasks(product)) == set(rows)
    assert set(renamed.finished(product)) == set(rows)
    assert set(Task.objects.named(OLD)) == set(Task.objects.named(renamed.name)) == set(rows)
    assert sorted(map(sorted, renamed.results(product))) == [[0], [1], [2]]


def test_new_rows_have_the_new_name(product):
    assert renamed.delayed(product).name == renamed.name
    assert {row.name for row in renamed.each([product])} == {renamed.name}
    renamed.call(product)
    assert renamed.tasks().filter(name=renamed.name).count() == 3


def test_clean_and_verbs_reach_rows_with_old_names(product):
    waiting = stored("queued", product, OLD)
    stored("finished", product, OLDER, result=[1])
    assert renamed.tasks().cancel() == 1
    waiting.refresh_from_db()
    assert waiting.is_cancelled
    assert renamed.clean() == 2
    assert Task.objects.count() == 0


def test_a_row_with_an_old_name_is_rescued_as_was_promised_when_it_was_made(product):
    current_app.celery_app().finalize()  # as in a worker
    careful = declared(rescue=False, aliases=["db.aliases.careful"])(lambda product: None)
    old = "db.aliases.careful"
    row = stored("running", product, old, worker="gone@host/1", rescue=False)
    losses.lose(row, "its worker died")
    row.refresh_from_db()
    assert row.is_failed
    assert list(careful.tasks()) == [row]


# --- names ------------------------------------------------------------------------------


def test_every_name_leads_to_the_one_task():
    assert renamed.names == (renamed.name, OLD, OLDER)
    assert registry.declared().count(renamed) == 1
    for name in renamed.names:
        assert registry.get(name) is renamed
        assert registry.names(name) == [*renamed.names]
        assert app.tasks[name] is renamed


def test_an_app_made_later_knows_the_old_names_too():
    with Celery("later", set_as_current=False) as later:
        later.finalize()
        assert later.tasks[OLD] is renamed


def test_a_subclass_may_name_its_aliases_itself(product):
    class Again(BoogieTask):
        aliases = ["db.aliases.by_class"]

        def run(self, product):
            return "again"

    again = Again.as_task()
    assert work(stored("queued", product, "db.aliases.by_class")).get_result() == "again"
    assert again.tasks().count() == 1


# --- conflicts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "aliases"),
    [
        (OLD, []),
        ("db.aliases.conflict", [OLD]),
        ("db.aliases.conflict", [renamed.name]),
        ("db.aliases.conflict", ["db.aliases.unused", OLDER]),
    ],
)
def test_a_name_that_another_task_has_or_had_is_refused(name, aliases):
    with pytest.raises(ImproperlyConfigured, match="Two tasks are named"):
        declared(name=name, aliases=aliases)(lambda product: None)
    assert registry.get(OLD) is registry.get(OLDER) is registry.get(renamed.name) is renamed
    assert registry.get("db.aliases.conflict") is None
    assert registry.get("db.aliases.unused") is None


def test_an_alias_that_a_plain_celery_task_has_is_refused():
    @app.task(name="db.aliases.plain")
    def plain():
        pass

    plain.name  # noqa: B018 - a lazy task is registered when it is first used
    with pytest.raises(ImproperlyConfigured, match="not a Boogie task"):
        declared(name="db.aliases.fresh", aliases=["db.aliases.plain"])(lambda product: None)
    assert registry.get("db.aliases.fresh") is registry.get("db.aliases.plain") is None


@pytest.mark.parametrize(
    ("aliases", "error"), [("db.aliases.text", TypeError), (["x" * 256], ValueError)]
)
def test_aliases_are_a_list_of_names_that_fit(aliases, error):
    with pytest.raises(error):
        declared(name="db.aliases.misfit", aliases=aliases)(lambda product: None)
    assert registry.get("db.aliases.misfit") is None
