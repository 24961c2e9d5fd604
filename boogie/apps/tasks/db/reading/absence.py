"""
That something is not in a table: a condition for statements about rows of another one.
"""

from typing import Any

from django.db import models


class Prefixed(models.Func):
    """A column of text behind a word of ours, which needs no quoting."""

    arity = 1
    output_field = models.CharField()

    def __init__(self, word: str, column: Any) -> None:
        super().__init__(column)
        self.word = word

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template=f"('{self.word}' || %(expressions)s)")

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(
            compiler, connection, template=f"CONCAT('{self.word}', %(expressions)s)"
        )


class NoRow(models.Func):
    """
    Whether a small table has no row with one of some keys, of those whose ``without`` is empty.

    As ``~Exists()`` of the ORM is, which costs several times more to make.
    """

    output_field = models.BooleanField()
    arg_joiner = ", "

    def __init__(self, model: Any, *keys: Any, without: str) -> None:
        super().__init__(*keys)
        self.model, self.without = model, without

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template=self._template(connection))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # As no index has the key: for a list SQLite makes a table first, in each statement, which
        # takes longer than to see that a table is empty, or to read the few rows there are.
        return super().as_sql(compiler, connection, template=self._template(connection, "+"))

    def _template(self, connection: Any, sign: str = "") -> str:
        meta, quote = self.model._meta, connection.ops.quote_name
        table, key = quote(meta.db_table), quote(meta.pk.column)
        empty = quote(meta.get_field(self.without).column)
        return (
            f"NOT EXISTS (SELECT 1 FROM {table} boogie_row WHERE boogie_row.{empty} IS NULL"
            f" AND {sign}boogie_row.{key} IN (%(expressions)s))"
        )
