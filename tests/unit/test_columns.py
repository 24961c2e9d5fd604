"""New instances, made quicker than by keywords."""

from boogie.apps.tasks import Task
from boogie.apps.tasks.models import columns


def test_a_new_row_has_what_one_made_of_keywords_has():
    own = columns.of(Task)
    row, usual = own.new(name="name", priority=3), Task(name="name", priority=3)
    assert row.pk != usual.pk
    usual.pk = row.pk
    told, expected = vars(row), vars(usual)
    assert told.pop("_state").adding is expected.pop("_state").adding is True
    assert told == expected


def test_no_two_new_rows_share_a_list_or_an_id():
    own = columns.of(Task)
    first, second = own.new(), own.new()
    assert first.pk != second.pk
    for name in ("args", "kwargs", "errors", "log", "context", "claims"):
        assert getattr(first, name) is not getattr(second, name), name
