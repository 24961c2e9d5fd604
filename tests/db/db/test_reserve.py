"""Rows that are reserved need not outlive a crash of PostgreSQL, and nothing else is told so."""

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from tests.support.rows import stored

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="a setting of PostgreSQL"),
]

#: Notes how each commit of a change to a row is made, when it is made.
WATCH = """
CREATE TABLE commits (value text);
CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO commits VALUES (current_setting('synchronous_commit'));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_commit AFTER UPDATE ON boogie_tasks_task
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit()
"""
UNWATCH = """
DROP TRIGGER note_commit ON boogie_tasks_task;
DROP FUNCTION note_commit();
DROP TABLE commits
"""


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def commits():
    """Return a function that tells of the commits so far."""
    execute(WATCH)
    yield lambda: [value for (value,) in execute("SELECT value FROM commits")]
    execute(UNWATCH)


def take(**options):
    """Take rows that stay due: a test may take them again."""
    return Reservation(
        model=Task,
        queues=("q",),
        limit=5,
        fields=("name", "priority"),
        changes=(("due", Moment()),),
        **options,
    ).take("default")


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_may_be_lost_does_not_wait_for_the_disk(commits, is_kept):
    rows = [stored("queued", name=name, queue="q") for name in "ab"]
    taken = take(is_kept=is_kept, may_be_lost=True)
    assert [(row.pk, row.name) for row in taken] == [(row.pk, row.name) for row in rows]
    assert commits() == ["off", "off"]
    assert execute("SHOW synchronous_commit") == [("on",)]


def test_everything_else_does(commits):
    stored("queued", queue="q")
    assert len(take()) == 1
    assert commits() == ["on"]


def test_a_transaction_of_somebody_else_stays_safe(commits):
    stored("queued", queue="q")
    take(may_be_lost=True)
    with transaction.atomic():
        assert len(take(may_be_lost=True)) == 1
    assert commits() == ["off", "on"]
