"""How many queries a block has built, which takes longer than many a database takes for them."""

import contextlib

from django.db.models.sql import Query


@contextlib.contextmanager
def built(monkeypatch):
    """Count the queries that are made into SQL; a list with one entry for each."""
    found = []
    original = Query.get_compiler

    def get_compiler(query, *args, **kwargs):
        found.append(type(query).__name__)
        return original(query, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Query, "get_compiler", get_compiler)
        yield found
