"""
Empty the database after a test that commits: only the tables that have rows.

Django's ``flush`` empties every table, of which a test fills three, and has content types and
permissions made anew. On PostgreSQL that takes longer than most tests.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections, transaction
from django.test import TransactionTestCase

#: What migrating leaves in a table, and stays there.
MIGRATED = (Permission, ContentType)

#: The ids of it, by database and model, as they were before the first test that commits.
_first: dict[str, dict[type, set[int]]] = {}


@contextmanager
def only_what_is_filled() -> Iterator[None]:
    """Have tests that commit emptied after in this way, until the block ends."""
    setup = vars(TransactionTestCase)["_fixture_setup"]
    teardown = TransactionTestCase._fixture_teardown

    @classmethod
    def remembering(cls):
        for alias in cls._databases_names(include_mirrors=False):
            if alias not in _first:
                _first[alias] = {model: _ids(alias, model) for model in MIGRATED}
        setup.__func__(cls)

    def emptying(self):
        if self.available_apps is not None or self.serialized_rollback:
            teardown(self)
            return
        for alias in self._databases_names(include_mirrors=False):
            empty(alias)

    TransactionTestCase._fixture_setup = remembering
    TransactionTestCase._fixture_teardown = emptying
    try:
        yield
    finally:
        TransactionTestCase._fixture_setup = setup
        TransactionTestCase._fixture_teardown = teardown


def empty(alias: str) -> None:
    """Delete all rows of a database but those that migrating makes; make these if some are gone."""
    connection = connections[alias]
    kept = {model._meta.db_table for model in MIGRATED}
    names = set(connection.introspection.django_table_names(only_existing=True))
    with connection.constraint_checks_disabled(), transaction.atomic(using=alias):
        with connection.cursor() as cursor:
            for table in _filled(connection, cursor, sorted(names - kept)):
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        whole = [_forget_others(alias, model) for model in MIGRATED]
    ContentType.objects.clear_cache()
    if not all(whole):
        call_command("flush", verbosity=0, interactive=False, database=alias, reset_sequences=False)
        del _first[alias]


def _filled(connection, cursor, names):
    """Return those tables that have a row, by one statement."""
    quoted = connection.ops.quote_name
    asked = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quoted(name)})" for name in names]
    if connection.vendor == "mysql":
        asked = [one.replace(" WHERE ", " FROM DUAL WHERE ", 1) for one in asked]
    found = []
    for start in range(0, len(asked), 400):  # SQLite takes 500 of them
        cursor.execute(" UNION ALL ".join(asked[start : start + 400]))
        found += [name for (name,) in cursor.fetchall()]
    return found


def _forget_others(alias, model) -> bool:
    """Delete what tests have made of a model; return whether what was there before still is."""
    now, first = _ids(alias, model), _first.get(alias, {}).get(model, set())
    if now - first:
        model.objects.using(alias).filter(pk__in=now - first)._raw_delete(alias)
    return bool(first) and first <= now


def _ids(alias, model) -> set[int]:
    return set(model.objects.using(alias).values_list("pk", flat=True))
