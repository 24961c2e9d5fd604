"""Celery's hooks get the real arguments; ``self.row`` is the row of the run."""

import contextlib

import celery
import pytest

from boogie.apps.tasks import BoogieTask, registry
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, declared, work

pytestmark = pytest.mark.django_db


class Boom(Exception):
    pass


class Logged(BoogieTask):
    """Notes every hook with what it got and the row that it saw."""

    abstract = True
    log = []
    max_retries = 1
    default_retry_delay = 0

    def note(self, hook, *about):
        self.log.append((hook, *about, str(self.row.pk) if self.row else None))

    def before_start(self, task_id, args, kwargs):
        self.note("before_start", task_id, list(args), dict(kwargs))

    def on_success(self, retval, task_id, args, kwargs):
        self.note("on_success", retval, task_id, list(args), dict(kwargs))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        assert "Boom" in einfo.traceback
        self.note("on_failure", exc, task_id, list(args), dict(kwargs))

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        self.note("on_retry", exc, task_id, list(args), dict(kwargs))

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        self.note("after_return", status, task_id, list(args), dict(kwargs))

    def run(self, product, how="well", *, more=None):
        self.note("run", product, how, more)
        if how == "badly":
            raise Boom("badly")
        if how == "again":
            raise self.retry(exc=Boom("again"))
        return how


logged = Logged.as_task(name="db.hooks.logged")


@pytest.fixture
def log():
    Logged.log.clear()
    return Logged.log


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@both_worlds
def test_the_hooks_of_a_success_get_the_object_and_the_arguments(run, product, log):
    row = run(logged, product, "well", more=[1])
    pk = str(row.pk)
    args, kwargs = [product, "well"], {"more": [1]}
    assert log == [
        ("before_start", pk, args, kwargs, pk),
        ("run", product, "well", [1], pk),
        ("on_success", "well", pk, args, kwargs, pk),
        ("after_return", "SUCCESS", pk, args, kwargs, pk),
    ]


@both_worlds
def test_the_hooks_of_a_failure_get_the_exception_the_object_and_the_arguments(run, product, log):
    row = run(logged, product, "badly")
    pk = str(row.pk)
    args = [product, "badly"]
    before, ran, failed, after = log
    assert before == ("before_start", pk, args, {}, pk)
    assert ran[0] == "run"
    assert isinstance(failed[1], Boom)
    assert (failed[0], *failed[2:]) == ("on_failure", pk, args, {}, pk)
    assert after == ("after_return", "FAILURE", pk, args, {}, pk)


@both_worlds
def test_the_hooks_of_a_retry(run, product, log):
    row = run(logged, product, "again")
    assert row.is_failed
    once = ["before_start", "run", "on_retry"]
    assert [entry[0] for entry in log] == [
        *once,
        "before_start",
        "run",
        "on_failure",
        "after_return",
    ]
    retried = log[2]
    assert isinstance(retried[1], Boom)
    assert retried[2:] == (str(row.pk), [product, "again"], {}, str(row.pk))


def test_a_plain_call_runs_no_hook_and_has_no_row(product, log):
    assert logged(product) == "well"
    assert log == [("run", product, "well", None, None)]


def test_a_duplicate_doorbell_runs_no_hook_but_after_return_of_celery(product, log):
    row = logged.delayed(product)
    work(row)
    log.clear()
    work(row)
    assert [entry[0] for entry in log if entry[0] != "after_return"] == []


HOOKS = ["before_start", "on_success", "on_failure", "on_retry", "after_return"]


@both_worlds
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.filterwarnings("ignore:Exception raised outside body:RuntimeWarning")
def test_a_hook_that_raises_changes_nothing_of_how_the_run_ends(run, product, hook):
    def raising(self, *args, **kwargs):
        raise Boom(hook)

    class Raising(BoogieTask):
        max_retries = 1
        default_retry_delay = 0

        def run(self, product, how):
            if how == "on_failure":
                raise ValueError("badly")
            if how == "on_retry":
                raise self.retry()
            return how

    setattr(Raising, hook, raising)
    task = Raising.as_task(name=f"db.hooks.{run.__name__}.{hook}")
    with contextlib.suppress(Boom):  # in a worker it would end in the pool
        run(task, product, hook)
    row = task.tasks().get()
    assert row.status == ("finished" if hook in ("on_success", "after_return") else "failed")


@both_worlds
def test_hooks_of_a_third_party_base_run_with_real_arguments(run, product):
    log = []

    class Library(celery.Task):
        abstract = True

        def __call__(self, *args, **kwargs):
            log.append(("call", args, kwargs))
            return super().__call__(*args, **kwargs)

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            log.append(("failure", tuple(args), kwargs))
            super().on_failure(exc, task_id, args, kwargs, einfo)

    @declared(base=Library)
    def failing(product, n, *, word):
        raise Boom("no")

    row = run(failing, product, 1, word="x")
    assert row.error == "Boom: no"
    expected = ((product, 1), {"word": "x"})
    assert log == [("call", *expected), ("failure", *expected)]


def test_a_base_whose_call_gives_the_function_something_else_is_heeded(product):
    class Doubling(celery.Task):
        abstract = True

        def __call__(self, product, n):
            return super().__call__(product, n * 2)

    doubled = declared(base=Doubling)(lambda product, n: n)
    assert doubled(product, 4) == 8
    assert doubled.call(product, 4) == 8
    assert work(doubled.delayed(product, 4)).get_result() == 8


def test_self_row_in_a_body_is_the_running_row(product):
    @declared(bind=True)
    def looking(self, product):
        row = self.row
        return [str(row.pk), row.status, row.attempt, row.name]

    row = work(looking.delayed(product))
    assert row.get_result() == [str(row.pk), "running", 1, looking.name]
    called = looking.call(product)
    assert called[0] != str(row.pk)
    assert called[1:] == row.result[1:]


def test_the_request_of_a_run_is_celerys_with_the_rows_id_and_retries(product):
    @declared(bind=True, max_retries=1, default_retry_delay=0)
    def looking(self, product):
        if not self.request.retries:
            raise self.retry()
        return [self.request.id, self.request.retries, self.request.called_directly]

    (row,) = [looking.delayed(product)]
    for _ in range(2):
        work(row)
    assert row.get_result() == [str(row.pk), 1, False]
    assert looking.call(product)[1] == 1


def test_nothing_of_a_run_stays_on_the_task(product):
    with contextlib.suppress(Boom):
        logged.call(product, "badly")
    work(logged.delayed(product))
    assert logged.row is None
    assert registry.get(logged.name).request.id is None


def test_call_gives_what_the_body_gave_whatever_a_hook_raised(product, caplog):
    class Clumsy(BoogieTask):
        def run(self, product, how):
            if how == "badly":
                raise ValueError(how)
            if how == "gone":
                self.row.delete()
            return how

        def on_success(self, *about):
            raise Boom("on_success")

        def on_failure(self, *about):
            raise Boom("on_failure")

    clumsy = Clumsy.as_task(name="db.hooks.clumsy")
    with pytest.raises(ValueError, match="badly"):
        clumsy.call(product, "badly")
    assert "is failed, and a hook of its task raised" in caplog.text
    assert clumsy.call(product, "well") == "well"
    assert "Boom: on_success" in caplog.text
    assert clumsy.call(product, "gone") == "gone"  # and the row with it


def test_call_raises_what_kept_the_body_from_beginning(product):
    class Late(BoogieTask):
        def run(self, product):
            raise AssertionError("it has begun")

        def before_start(self, *about):
            raise Boom("before_start")

    late = Late.as_task(name="db.hooks.late")
    with pytest.raises(Boom, match="before_start"):
        late.call(product)
    assert late.tasks().get().error.endswith("Boom: before_start")
