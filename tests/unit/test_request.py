"""What a worker hands over to the process that runs a body."""

from types import SimpleNamespace

import pytest

from boogie.apps.tasks.worker.request import BoogieRequest
from tests.project.celery import app
from tests.support.runs import declared

task = declared(lambda user: user)

NOTHING_FOLLOWS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def message_of(task, payload=((), {}, NOTHING_FOLLOWS), **headers):
    return SimpleNamespace(
        headers={"id": "5", "task": task.name, **headers},
        body=b"whatever it was",
        payload=payload,
        content_type="application/x-python-serialize",
        content_encoding="binary",
        delivery_info={},
        properties={},
    )


@pytest.mark.parametrize("payload", [([], {}, NOTHING_FOLLOWS), ((), {}, NOTHING_FOLLOWS)], ids=str)
def test_the_arguments_are_a_list_which_the_claim_fills(payload):
    """As pickle keeps it, an empty list of Celery's comes as a tuple."""
    request = BoogieRequest(message_of(task, payload), app=app, task=task)
    assert request.body == ([], {}, NOTHING_FOLLOWS)
    assert type(request.body[0]) is list
    assert not request.content_type


def test_what_is_told_of_its_arguments_is_text_whatever_the_claim_has_put_there():
    message = message_of(task, argsrepr="(shop.product:5,)", kwargsrepr="{}")
    request = BoogieRequest(message, app=app, task=task)
    request.body[0].append(object())
    for safe in (False, True):
        told = request.info(safe)
        assert (told["args"], told["kwargs"]) == ("(shop.product:5,)", "{}")


@pytest.mark.parametrize(("sensitive", "seen"), [((), "hunter2"), (("token",), "••••")])
def test_events_have_no_text_that_may_hold_a_secret(sensitive, seen):
    body = declared(lambda user, token="": token, sensitive=sensitive)
    sent = []
    eventer = SimpleNamespace(enabled=True, send=lambda kind, **fields: sent.append(fields))
    request = BoogieRequest(message_of(body), app=app, task=body, eventer=eventer)
    request.send_event("task-succeeded", result="hunter2", runtime=1.5)
    request.send_event("task-failed", exception="hunter2", traceback="hunter2")
    assert sent == [
        {"uuid": "5", "result": seen, "runtime": 1.5},
        {"uuid": "5", "exception": seen, "traceback": seen},
    ]
