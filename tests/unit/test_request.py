"""What a worker hands over to the process that runs a body."""

from types import SimpleNamespace

import pytest

from boogie.apps.tasks.worker.request import BoogieRequest
from tests.project.celery import app
from tests.support.runs import declared

task = declared(lambda user: user)

NOTHING_FOLLOWS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@pytest.mark.parametrize("payload", [([], {}, NOTHING_FOLLOWS), ((), {}, NOTHING_FOLLOWS)], ids=str)
def test_the_arguments_are_a_list_which_the_claim_fills(payload):
    """As pickle keeps it, an empty list of Celery's comes as a tuple."""
    message = SimpleNamespace(
        headers={"id": "5", "task": task.name},
        body=b"whatever it was",
        payload=payload,
        content_type="application/x-python-serialize",
        content_encoding="binary",
        delivery_info={},
        properties={},
    )
    request = BoogieRequest(message, app=app, task=task)
    assert request.body == ([], {}, NOTHING_FOLLOWS)
    assert type(request.body[0]) is list
    assert not request.content_type
