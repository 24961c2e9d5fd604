"""Rows that move while they are encrypted anew: neither undoes the other."""

import threading

import pytest
from cryptography.fernet import Fernet
from django.db import connections

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.operations import rekey
from boogie.apps.tasks.serialization import sealing
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.rows import claim
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def row(settings):
    settings.BOOGIE_TASKS = {"ENCRYPTION_KEYS": [OLD]}
    task = declared(lambda product, word: word, encrypt=True)
    row = task.delayed(Product.objects.create(name="pen"), "secret")
    rows = Task.objects.filter(pk=row.pk)
    assert claim(row)
    settings.BOOGIE_TASKS = {"ENCRYPTION_KEYS": [NEW, OLD]}
    yield rows.get()
    type(task).encrypt = False


def test_a_row_that_ends_while_it_is_encrypted_anew_has_ended_and_is_encrypted_anew(
    row, monkeypatch
):
    real, begun = rekey._changes, threading.Event()
    moved = []

    def settle():
        begun.wait(PATIENCE)
        error = {"attempt": 1, "type": "E", "message": sealing.Secret("secret"), "traceback": ""}
        moved.append(transitions.fail(Task.objects.all(), row, error))
        connections.close_all()

    def slowly(*args):
        begun.set()
        other.join(0.5)  # it waits for the lock; where it does not, it is done by now
        return real(*args)

    other = threading.Thread(target=settle)
    other.start()
    monkeypatch.setattr(rekey, "_changes", slowly)
    outcome = rekey.every_row()
    other.join(PATIENCE)
    after = Task.objects.get(pk=row.pk)
    assert (outcome.changed, moved) == (1, [1])
    assert (after.status, after.errors[0]["message"], after.args) == (
        "failed",
        "secret",
        ["secret"],
    )
    assert rekey.every_row().changed == 0
