"""
``progress()`` and ``track()``: what a body calls. No model is imported when this is.
"""

import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from contextlib import suppress
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from asgiref.sync import sync_to_async
from django.utils.functional import Promise

from boogie.apps.tasks import loops
from boogie.apps.tasks.exceptions import TaskCancelled

from .terminal import Bar

if TYPE_CHECKING:
    from .reporter import Reporter, Step

T = TypeVar("T")

#: How much there may be: floats go on, but not what is made of two of them.
MOST = 1e150


def progress(done: float, total: float | None = None, note: str = "") -> None:
    """
    Tell that ``done`` of ``total`` is done; ``note`` says what is being done.

    It is written twice a second at most, and never an error of the body. In a loop of
    :func:`track` it tells of a part of that loop's step. Outside of a run it does nothing.
    """
    done, total, note = _checked(done, total, note)
    reporter = _reporter()
    if reporter is None:
        return
    step = _own_step(reporter)
    step.done, step.total, step.note = done, total, note
    reporter.tell()
    if reporter.is_due:
        reporter.write_from_loop() if loops.is_running() else reporter.write()


def track(iterable: Any, total: float | None = None, note: str = "") -> "Track[Any]":
    """
    Yield the items of an iterable and tell how far the loop is.

    ``total``: how many there are, if neither ``len()`` nor a queryset's ``count()`` tells. Loops
    in loops make one bar: the outer one's, which moves with the inner ones. Raise
    :class:`TaskCancelled` if the row was cancelled meanwhile. Asynchronous iterables, too.
    In a plain call it draws a bar, in a terminal.
    """
    _zero, total, note = _checked(0, total, note)
    return Track(iterable, total, note)


class Track(Generic[T]):
    """An iterable, or asynchronous one, that is watched."""

    def __init__(self, iterable: Any, total: float | None, note: str) -> None:
        self._iterable = iterable
        self._total = total
        self._note = note

    def __iter__(self) -> Iterator[T]:
        reporter = _reporter()
        total = _length(self._iterable) if self._total is None else self._total
        if reporter is None:
            yield from _drawn(self._iterable, total, self._note)
            return
        with _Loop(reporter, total, self._note) as loop:
            for item in self._iterable:
                loop.look()
                yield item
                loop.advance()

    async def __aiter__(self) -> AsyncIterator[T]:
        reporter = _reporter()
        total = self._total
        if total is None:
            total = await sync_to_async(_length)(self._iterable)
        if reporter is None:
            async for item in _asynchronous(self._iterable):
                yield item
            return
        with _Loop(reporter, total, self._note) as loop:
            async for item in _asynchronous(self._iterable):
                await loop.alook()
                yield item
                loop.advance()


class _Loop:
    """A step of a reporter, for as long as a loop goes on."""

    def __init__(self, reporter: "Reporter", total: float | None, note: str) -> None:
        from .reporter import Step

        self._reporter = reporter
        self._step: Step = Step(0, total, note)

    def __enter__(self) -> "_Loop":
        self._reporter.steps.append(self._step)
        self._reporter.tell()
        return self

    def __exit__(self, *error: Any) -> None:
        steps = self._reporter.steps
        if self._step in steps:  # else the loop around it has gone on, or ended, before
            del steps[steps.index(self._step) :]

    def look(self) -> None:
        """Write if it is time; raise ``TaskCancelled`` if the run has lost its row."""
        if self._reporter.is_due and not loops.is_running() and not self._reporter.write():
            self._refuse()

    async def alook(self) -> None:
        """Do :meth:`look`, in an event loop."""
        if not self._reporter.is_due:
            return
        is_own = self._reporter.elsewhere is not None  # the thread, and its connection
        write = self._reporter.write if is_own else self._write_elsewhere
        if not await sync_to_async(write)():
            self._refuse()

    def _write_elsewhere(self) -> bool:
        """Write in another thread than that of the body, and leave no connection there."""
        from boogie.apps.tasks.db.connections import close_connections

        try:
            return self._reporter.write()
        finally:
            close_connections()

    def _refuse(self) -> None:
        raise TaskCancelled(f"{self._reporter.row} was cancelled, or taken away, while it ran")

    def advance(self) -> None:
        """One more is done; what was told of its parts is over."""
        steps = self._reporter.steps
        if self._step in steps:
            del steps[steps.index(self._step) + 1 :]
        self._step.done += 1
        self._reporter.tell()


def _reporter() -> "Reporter | None":
    module: Any = sys.modules.get(f"{__package__}.reporter")  # without it no run goes on here
    found: Reporter | None = None if module is None else module.current()
    return found


def _own_step(reporter: "Reporter") -> "Step":
    """Return the step that ``progress()`` is about: the innermost, which is no loop's."""
    from .reporter import Step

    if not reporter.steps or not reporter.steps[-1].is_told:
        reporter.steps.append(Step(is_told=True))
    return reporter.steps[-1]


def _checked(done: Any, total: Any, note: Any) -> tuple[float, float | None, str]:
    """Return them as plain numbers and text; raise what says that they are none."""
    if not isinstance(note, str | Promise):
        raise TypeError(f"progress: note must be text, not {note!r:.80}.")
    return _number("done", done), None if total is None else _number("total", total), str(note)


def _number(name: str, value: Any) -> float:
    """Return a number of any kind, such as NumPy's, as one that JSON has."""
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, bool)
    if isinstance(value, Decimal) and value.is_nan():  # it raises when it is compared
        is_number = False
    if not (is_number and 0 <= value <= MOST):
        raise ValueError(
            f"progress: {name} must be a number from 0 to {MOST:g}, not {value!r:.80}. Give what "
            f"can be counted, or leave total out if it is not known."
        )
    return int(value) if isinstance(value, Integral) else float(value)


def _length(iterable: Any) -> float | None:
    from django.db.models import QuerySet

    if isinstance(iterable, QuerySet):
        return len(iterable) if iterable._result_cache is not None else iterable.count()
    with suppress(OverflowError):  # of a range that is longer than an index can be
        return len(iterable) if isinstance(iterable, Sized) else None
    return None


async def _asynchronous(iterable: Any) -> AsyncIterator[Any]:
    if isinstance(iterable, AsyncIterable):
        async for item in iterable:
            yield item
    else:
        for item in iterable:
            yield item


def _drawn(iterable: Iterable[T], total: float | None, note: str) -> Iterator[T]:
    """Yield the items, and draw a bar where somebody sees it."""
    with Bar(sys.stderr, total, note) as bar:
        for number, item in enumerate(iterable):
            bar.draw(number)
            yield item
            bar.draw(number + 1)
