"""Headers that receivers of Celery's signals put into messages, for rows without one."""

import pytest
import structlog
from celery import signals
from django_structlog.celery.receivers import CeleryReceiver

from boogie.apps.tasks.contexts import Headers
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

PATH = "boogie.apps.tasks.contexts.Headers"


@pytest.fixture(autouse=True)
def _listed(travelling):
    travelling(PATH)


@pytest.fixture
def connected():
    """A function that connects a receiver until the test ends."""
    made = []

    def connect(signal, receiver):
        signal.connect(receiver, weak=False)
        made.append((signal, receiver))

    yield connect
    for signal, receiver in made:
        signal.disconnect(receiver)


def nothing(product):
    """Do nothing."""


def test_what_receivers_put_there_is_on_the_request_at_prerun_and_in_the_body(connected, pen):
    seen = []

    def put(headers, sender, body, properties, routing_key, **extra):
        assert headers["task"] == sender == body_of.name
        assert (headers["id"], body[:2]) == (properties["correlation_id"], ((), {}))
        headers["request_id"] = f"for {routing_key}"

    def look(sender, **extra):
        seen.append((sender.request.request_id, dict(sender.request.headers)))

    def body(self, product):
        return self.request.request_id

    body_of = declared(body, bind=True, queue="side")
    # Whoever was connected before us finds it, too.
    signals.task_prerun.receivers.insert(0, ((id(look), id(None)), look))
    signals.task_prerun.sender_receivers_cache.clear()
    try:
        from boogie.apps.tasks.execution import receivers

        receivers.connect()
        connected(signals.before_task_publish, put)
        row = body_of.delayed(pen)
        assert row.context == {PATH: {"request_id": "for side"}}
        assert work(row).get_result() == "for side"
        assert body_of.call(pen) == "for side"
    finally:
        signals.task_prerun.receivers.remove(((id(look), id(None)), look))
        signals.task_prerun.sender_receivers_cache.clear()
    assert [value for value, _ in seen] == ["for side"] * 2
    assert all(headers["request_id"] == "for side" for _, headers in seen)


def test_nobody_is_asked_for_many_rows_more_than_once(connected):
    told = []
    connected(signals.before_task_publish, lambda headers, **extra: told.append(headers["id"]))
    connected(signals.after_task_publish, lambda headers, **extra: told.append(headers["id"]))
    pens = [Product.objects.create(name=f"pen {n}") for n in range(3)]
    assert declared(nothing).each(pens).count() == 3
    assert len(told) == 2
    assert len(set(told)) == 1


def test_without_receivers_nothing_travels(pen):
    assert signals.before_task_publish.receivers == []
    assert declared(nothing).delayed(pen).context == {}


def test_what_celery_itself_says_is_not_taken_along(connected, pen):
    def put(headers, **extra):
        headers.update(expires="never", retries=7, own=1)

    connected(signals.before_task_publish, put)
    assert declared(nothing).delayed(pen).context == {PATH: {"own": 1}}


def test_no_header_takes_the_place_of_what_a_request_has(connected, pen):
    def put(headers, **extra):
        headers.update(called_directly=True, boogie_run=None, headers={"nested": "yes"})

    def body(self, product):
        return [self.request.called_directly, self.request.headers["nested"]]

    connected(signals.before_task_publish, put)
    assert work(declared(body, bind=True).delayed(pen)).get_result() == [False, "yes"]


def test_a_receiver_that_raises_leaves_the_others_theirs(connected, pen):
    def fall(headers, **extra):
        raise ValueError("no")

    connected(signals.before_task_publish, fall)
    connected(signals.before_task_publish, lambda headers, **extra: headers.update(own=1))
    assert declared(nothing).delayed(pen).context == {PATH: {"own": 1}}


def test_it_is_nothing_outside_of_a_row():
    assert Headers().capture() is None
    with Headers().restore({"own": 1}):
        pass


# --- packages -------------------------------------------------------------------------


def test_django_structlog_binds_the_request_id_in_the_run(connected, pen):
    receiver = CeleryReceiver()
    connected(signals.before_task_publish, receiver.receiver_before_task_publish)
    connected(signals.task_prerun, receiver.receiver_task_prerun)
    body = declared(lambda product: structlog.contextvars.get_contextvars())
    with structlog.contextvars.bound_contextvars(request_id="r-1", user_id=5):
        row = body.delayed(pen)
        outer = structlog.contextvars.get_contextvars()
    structlog.contextvars.clear_contextvars()
    bound = work(row).get_result()
    assert outer == {"request_id": "r-1", "user_id": 5}
    assert bound == {**outer, "task_id": str(row.pk)}
    structlog.contextvars.clear_contextvars()


def test_django_guid_goes_on_with_the_id_of_the_request(pen, settings, connected):
    settings.DJANGO_GUID = {"INTEGRATIONS": []}
    from django_guid import clear_guid, get_guid, set_guid
    from django_guid.config import settings as guids
    from django_guid.integrations import CeleryIntegration

    before = [list(one.receivers) for one in GUIDS]
    guids.settings["INTEGRATIONS"] = [CeleryIntegration(log_parent=True)]
    guids.settings["INTEGRATIONS"][0].setup()
    try:
        set_guid("a" * 32)
        body = declared(lambda product: get_guid())
        row = body.delayed(pen)
        clear_guid()
        assert row.context[PATH]["Correlation-ID"] == "a" * 32
        assert work(row).get_result() == "a" * 32
        assert get_guid() is None
    finally:
        for one, receivers in zip(GUIDS, before, strict=True):
            one.receivers[:] = receivers
            one.sender_receivers_cache.clear()


GUIDS = (signals.before_task_publish, signals.task_prerun, signals.task_postrun)
