"""
On PostgreSQL: tell the waiting workers of ``boogie://`` about new work.

NOTIFY takes a lock at commit that all commits of the server share. So the
triggers notify only while a worker says in its row that it waits, which a busy
one does not; and the enqueuer sends no statement of its own.

Of the workers that wait and have a queue one is told, of those with room if there are any: no more
wake than there are rows. It may have died a moment ago; the others look now and then. Who cannot
take everything tells two others, and so on. All are told of rows whose queue no worker that waits
names.
In one transaction it is the same one, so that PostgreSQL sends one notification; of many rows of a
queue that are queued again the first one is enough to look for it.

Of what is said to all those workers are told that it is for, busy ones as well: that is commands
of remote control. Who listens to events or waits for answers does not LISTEN.
"""

from collections.abc import Callable
from typing import Any

from django.db import migrations

FORWARDS = """
CREATE FUNCTION boogie_tasks_few(asked text[], many integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(E'\\n' || id, '') FROM (
        SELECT id FROM boogie_tasks_worker
        WHERE listening > statement_timestamp() AND queues ?| asked
        ORDER BY has_room DESC, hashtext(id || pg_current_xact_id()::text), id LIMIT many
    ) AS few
$$;

CREATE FUNCTION boogie_tasks_ring() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := pg_current_xact_id()::text || ' ' || NEW.queue;
BEGIN
    IF told IS DISTINCT FROM current_setting('boogie_tasks.told', true) AND EXISTS (
        SELECT 1 FROM boogie_tasks_worker WHERE listening > statement_timestamp()
    ) THEN
        PERFORM set_config('boogie_tasks.told', told, true);
        PERFORM pg_notify('boogie_tasks', TG_TABLE_NAME
            || coalesce(boogie_tasks_few(ARRAY[NEW.queue::text], 1), ''));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION boogie_tasks_ring_some() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM boogie_tasks_worker WHERE listening > statement_timestamp()) THEN
        PERFORM pg_notify('boogie_tasks', TG_TABLE_NAME
            || coalesce(boogie_tasks_few(ARRAY[asked.queue], 1), ''))
        FROM (SELECT DISTINCT queue::text AS queue FROM fresh) AS asked;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION boogie_tasks_ring_named() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named text;
BEGIN
    SELECT string_agg(DISTINCT E'\\n' || worker, '') INTO named FROM fresh WHERE worker > '';
    IF named IS NOT NULL THEN
        -- More than 8000 bytes are refused: then all are told.
        PERFORM pg_notify('boogie_tasks', TG_TABLE_NAME
            || CASE WHEN octet_length(named) < 7500 THEN named ELSE '' END);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER boogie_tasks_task_inserted AFTER INSERT ON boogie_tasks_task
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION boogie_tasks_ring_some();

CREATE TRIGGER boogie_tasks_task_queued AFTER UPDATE OF status, held_by ON boogie_tasks_task
    FOR EACH ROW WHEN (
        NEW.status = 'queued' AND NEW.due IS NOT NULL
        AND (OLD.status <> 'queued' OR OLD.due IS NULL)
    )
    EXECUTE FUNCTION boogie_tasks_ring();

CREATE TRIGGER boogie_tasks_message_inserted AFTER INSERT ON boogie_tasks_message
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION boogie_tasks_ring_some();

CREATE TRIGGER boogie_tasks_announcement_inserted AFTER INSERT ON boogie_tasks_announcement
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION boogie_tasks_ring_named();
"""

BACKWARDS = """
DROP TRIGGER IF EXISTS boogie_tasks_announcement_inserted ON boogie_tasks_announcement;
DROP TRIGGER IF EXISTS boogie_tasks_message_inserted ON boogie_tasks_message;
DROP TRIGGER IF EXISTS boogie_tasks_task_queued ON boogie_tasks_task;
DROP TRIGGER IF EXISTS boogie_tasks_task_inserted ON boogie_tasks_task;
DROP FUNCTION IF EXISTS boogie_tasks_ring_named();
DROP FUNCTION IF EXISTS boogie_tasks_ring_some();
DROP FUNCTION IF EXISTS boogie_tasks_ring();
DROP FUNCTION IF EXISTS boogie_tasks_few(text[], integer);
"""


def _on_postgresql(sql: str) -> Callable[[Any, Any], None]:
    def run(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [("boogie_tasks", "0001_initial")]

    operations = [
        migrations.RunPython(
            _on_postgresql(FORWARDS), _on_postgresql(BACKWARDS), hints={"model_name": "task"}
        )
    ]
