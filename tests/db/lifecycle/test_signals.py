"""The seven signals: after commit, from the task, one for each row that moved."""

import contextlib

import pytest
from django.db import transaction

from boogie.apps.tasks import Task, signals
from boogie.apps.tasks.lifecycle import emit
from tests.project.shop.models import Product
from tests.support.judge import rescue_as_judge
from tests.support.rows import stored
from tests.support.runs import both_worlds, declared, now_due, work

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = signals.__all__


@declared
def body(product, fail=False):
    if fail:
        raise ValueError("no")
    return product.name


@declared(bind=True, max_retries=1)
def flaky(self, product):
    raise self.retry(exc=ValueError("no"), countdown=0)


class Ear:
    """Hears every signal; keeps its name, sender, row and the row's status as it was sent."""

    def __init__(self):
        self.heard = []
        self.receivers = []
        for name in NAMES:
            self.listen(name)

    def listen(self, name):
        def receiver(sender, task, **extra):
            stored = Task.objects.get(pk=task.pk).status
            self.heard.append((name, sender, task, task.status, stored))

        self.receivers.append((getattr(signals, name), receiver))
        getattr(signals, name).connect(receiver)

    @property
    def names(self):
        return [name for name, *_ in self.heard]

    def close(self):
        for signal, receiver in self.receivers:
            signal.disconnect(receiver)


@pytest.fixture
def ear():
    ear = Ear()
    yield ear
    ear.close()


@pytest.fixture
def product(db):
    return Product.objects.create(name="pen")


def test_a_run_is_told_from_its_creation_to_its_end(ear, product):
    row = body.delayed(product)
    work(row)
    assert ear.names == ["task_queued", "task_started", "task_finished"]
    assert all(sender is body for _, sender, *_ in ear.heard)
    assert all(task == row for _, _, task, *_ in ear.heard)


def test_call_is_told_like_a_workers_run(ear, product):
    body.call(product)
    assert ear.names == ["task_started", "task_finished"]
    with contextlib.suppress(ValueError):
        body.call(product, fail=True)
    assert ear.names[2:] == ["task_started", "task_failed"]


def test_the_row_of_a_signal_is_as_it_was_right_after_the_transition(ear, product):
    work(body.delayed(product, fail=True))
    told = [(name, status, stored) for name, _, _, status, stored in ear.heard]
    assert told == [
        ("task_queued", "queued", "queued"),
        ("task_started", "running", "running"),
        ("task_failed", "failed", "failed"),
    ]
    assert ear.heard[-1][2].error == "ValueError: no"


@both_worlds
def test_a_retry_is_told_and_the_attempt_after_it_starts_anew(run, ear, product):
    run(flaky, product)
    expected = ["task_started", "task_retried", "task_started", "task_failed"]
    assert [n for n in ear.names if n != "task_queued"] == expected


def test_pausing_running_and_cancelling_are_told(ear, product):
    row = body.paused(product)
    row.run()
    row.pause()
    row.cancel()
    row.retry()
    assert ear.names == [
        "task_paused",
        "task_queued",
        "task_paused",
        "task_cancelled",
        "task_queued",
    ]


def test_a_verb_that_moves_nothing_is_not_told(ear, product):
    row = stored("finished", product, body.name)
    row.run(), row.pause(), row.cancel(), row.retry()
    Task.objects.all().cancel()
    assert ear.heard == []


@pytest.mark.parametrize(
    ("verb", "source", "name"),
    [
        ("run", "paused", "task_queued"),
        ("pause", "queued", "task_paused"),
        ("cancel", "queued", "task_cancelled"),
        ("retry", "failed", "task_queued"),
    ],
)
def test_a_verb_of_a_queryset_is_told_for_each_row_that_moved(ear, product, verb, source, name):
    rows = [stored(source, product, body.name) for _ in range(3)]
    stored("finished", product, body.name)
    assert getattr(Task.objects.all(), verb)() == 3
    assert ear.names == [name] * 3
    assert {task for _, _, task, *_ in ear.heard} == set(rows)
    assert all(status == stored for *_, status, stored in ear.heard)


def test_more_rows_than_one_chunk_are_all_told(ear, product, monkeypatch):

    monkeypatch.setattr(emit, "CHUNK", 2)
    rows = [stored("queued", product, body.name) for _ in range(5)]
    assert Task.objects.all().pause() == 5
    assert sorted(t.pk for _, _, t, *_ in ear.heard) == sorted(r.pk for r in rows)


def test_nothing_is_told_before_the_commit(ear, product):
    with transaction.atomic():
        row = body.delayed(product)
        row.pause()
        Task.objects.all().run()
        body.call(product)
        assert ear.heard == []
    expected = ["task_queued", "task_paused", "task_queued", "task_started", "task_finished"]
    assert ear.names == expected


def test_what_is_rolled_back_is_never_told(ear, product):
    paused = body.paused(product)
    ear.heard.clear()
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        body.delayed(product)
        paused.run()
        body.call(product)
        1 / 0  # noqa: B018
    assert ear.heard == []
    assert Task.objects.count() == 1


def test_a_receiver_of_one_task_does_not_hear_another(product):
    heard = []

    def receiver(task, **extra):
        heard.append(task.name)

    other = declared(lambda product: None)
    signals.task_finished.connect(receiver, sender=other)
    body.call(product)
    other.call(product)
    signals.task_finished.disconnect(receiver, sender=other)
    assert heard == [other.name]


@pytest.mark.parametrize("name", NAMES)
def test_a_receiver_that_raises_does_no_harm(product, name, caplog):
    def receiver(**extra):
        raise RuntimeError("receiver")

    signal = getattr(signals, name)
    signal.connect(receiver)
    try:
        assert body.call(product) == "pen"
        with contextlib.suppress(ValueError):
            body.call(product, fail=True)
        row = body.paused(product)
        assert row.run()
        assert row.pause()
        assert row.cancel()
        assert row.retry()
        assert work(row).is_finished
        assert now_due(work(flaky.delayed(product))).is_queued
    finally:
        signal.disconnect(receiver)
    assert "RuntimeError: receiver" in caplog.text


def test_a_receiver_that_raises_keeps_no_other_from_hearing_any_row(product):
    heard = []

    def raising(**extra):
        raise RuntimeError("receiver")

    def hearing(task, **extra):
        heard.append(task.pk)

    for receiver in (raising, hearing):
        signals.task_paused.connect(receiver)
    try:
        rows = [stored("queued", product, body.name) for _ in range(3)]
        assert Task.objects.all().pause() == 3
    finally:
        for receiver in (raising, hearing):
            signals.task_paused.disconnect(receiver)
    assert sorted(heard) == sorted(row.pk for row in rows)


def test_a_rescued_row_is_told_as_retried(ear, product):
    stored("running", product, body.name, worker="dead@host/1")
    rescue_as_judge()
    assert ear.names == ["task_retried"]


def test_the_sender_is_none_for_a_task_that_nobody_registered(ear, product):
    row = stored("queued", product, "nobody.knows")
    row.cancel()
    assert ear.heard[0][:3] == ("task_cancelled", None, row)
