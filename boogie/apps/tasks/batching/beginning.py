"""
The ``with`` block that makes a batch: what it is about, and who is called, is checked before.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import router, transaction

from boogie.apps.tasks import loops, registry
from boogie.apps.tasks.enqueue import origin
from boogie.apps.tasks.enqueue.batched import joining
from boogie.apps.tasks.models import Batch, Task, families
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.serialization import references

from . import ending

#: Characters of a title.
MAX_TITLE = 255


def drafted(obj: Any, title: Any, callbacks: Mapping[str, Any]) -> Batch:
    """Return a batch that is not stored yet; raise ``TypeError`` or ``ValueError`` early."""
    if not isinstance(title, str) or len(title) > MAX_TITLE or "\0" in title:
        raise ValueError(
            f"batch(): title must be a text of at most {MAX_TITLE} characters, none of them NUL; "
            f"it is {title!r:.80}."
        )
    using = primary(Task)
    found = Batch(title=title)
    found._state.db = using
    if obj is not None:
        obj = references.check_object("batch()", obj)
        found.content_type = families.type_for(type(obj), using)
        found.object_id = references.checked_key("batch()", obj)
        found.object_db = router.db_for_write(type(obj), instance=obj)
    for option, task in callbacks.items():
        if task is not None:
            _check(option, task, obj, found)
            setattr(found, option, task.name)
    return found


def _check(option: str, task: Any, obj: Any, batch: Batch) -> None:
    """Raise ``TypeError`` if ``task`` cannot be called with the object and the batch."""
    name = getattr(task, "name", None)
    known = registry.get(name) if isinstance(name, str) else None
    if known is None or (known is not task and type(known) is not type(task)):
        raise TypeError(
            f"batch(): {option} must be a Boogie task, which @task or as_task() returned, not "
            f"{task!r:.80} of type {type(task).__qualname__}."
        )
    task.ensure_bound()
    task.check_call(*([batch] if obj is None else [obj, batch]))
    task.check_object(batch if obj is None else obj)


@contextmanager
def block(drafted: Batch) -> Iterator[Batch]:
    """Make a batch, and have rows that are made within join it, all in one transaction."""
    loops.refuse("batch", "sync_to_async(of a function with the block)")
    using = drafted._state.db or primary(Task)
    with transaction.atomic(using=using):
        if (source := origin.current()) is not None:
            source.name_requester(drafted)
        drafted.save(using=using, force_insert=True)
        with joining.block(using, drafted.pk):
            yield drafted
        if ending.look(using, drafted.pk, failed=bool(drafted.on_failure)):
            drafted.refresh_from_db(using=using)
