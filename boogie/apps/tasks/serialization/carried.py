"""
What travels with a row: the contexts that ``CONTEXTS`` lists, and what they say when one is made.

Nothing is restored here.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from boogie.apps.tasks import current_app
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.protocols import Declaration

from . import codec
from .unfit import Unfit

logger = logging.getLogger(__name__)

#: Bytes of JSON that a character takes at most.
ESCAPED = 12

P = ParamSpec("P")
R = TypeVar("R")


class Context(Protocol):
    """What a class in ``CONTEXTS`` has to have, besides a constructor without arguments."""

    def capture(self) -> Any:
        """Return what is to travel, as JSON; ``None``: nothing."""

    def restore(self, data: Any) -> AbstractContextManager[Any]:
        """Return what stands around the run, made of what travelled."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One entry of ``CONTEXTS``."""

    path: str
    context: Context
    #: Whether a row is not made, or not run, without it.
    required: bool


@dataclass(slots=True)  # not frozen, which makes it dearer: two of them are made for each run
class Subject:
    """What is made, or run, while a context is asked."""

    task: Declaration | None
    row: Any
    #: Whether the row is a pattern for many.
    is_pattern: bool = False
    #: What is known of the attempt; ``None``: the row is being made.
    run: Any = None
    #: Celery's request of the attempt, if there is one in this process.
    request: Any = None

    @property
    def queue(self) -> str:
        """The queue that the row is in, or will be."""
        usual = "" if self.task is None else current_app.queue_of(self.task)
        return self.row.queue or usual


_subject: ContextVar[Subject | None] = ContextVar("boogie_tasks_subject", default=None)


def subject() -> Subject | None:
    """Return what a context is asked about; ``None``: it is called by somebody else."""
    return _subject.get()


class about:
    """Have contexts know that they are asked about ``given``."""

    __slots__ = ("_given", "_token")

    def __init__(self, given: Subject) -> None:
        self._given = given

    def __enter__(self) -> None:
        self._token = _subject.set(self._given)

    def __exit__(self, *raised: object) -> None:
        _subject.reset(self._token)


# --- the classes ----------------------------------------------------------------------


def made(path: str) -> Carrier:
    """Make the context at a dotted path; ``ImproperlyConfigured`` says why it is none."""
    where = f"BOOGIE_TASKS['CONTEXTS'] names {path!r}"
    try:
        kind = import_string(path)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ImproperlyConfigured(f"{where}, which cannot be imported ({reason}).") from error
    if not isinstance(kind, type):
        raise ImproperlyConfigured(f"{where}, which is no class but {kind!r:.80}.")
    missing = [name for name in ("capture", "restore") if not callable(getattr(kind, name, None))]
    if missing:
        raise ImproperlyConfigured(f"{where}, which has no method {' and no '.join(missing)}.")
    try:
        context = kind()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ImproperlyConfigured(
            f"{where}, whose constructor does not go without arguments ({reason})."
        ) from error
    return Carrier(path, cast(Context, context), bool(getattr(context, "required", False)))


@cache
def _listed(paths: tuple[str, ...]) -> tuple[Carrier, ...]:
    return tuple(made(path) for path in dict.fromkeys(paths))


def listed() -> tuple[Carrier, ...]:
    """Return the contexts of ``CONTEXTS``, each made once; ``ImproperlyConfigured``: one is bad."""
    paths = conf.CONTEXTS
    return _listed(paths) if paths else ()


def any_required() -> bool:
    """Return whether an object may only be read where a context has been restored."""
    try:
        return any(carrier.required for carrier in listed())
    except ImproperlyConfigured:
        return True  # nobody knows; the run fails for that reason


# --- when a row is made ---------------------------------------------------------------


def captured(made_for: Subject, carriers: tuple[Carrier, ...]) -> dict[str, Any]:
    """
    Return what travels with a new row, by dotted path.

    One that raises is logged and left out, unless it is required.
    """
    found: dict[str, Any] = {}
    with about(made_for):
        for carrier in carriers:
            data = _captured(carrier, made_for)
            if data is not None or carrier.required:
                found[carrier.path] = data
    return found


def _captured(carrier: Carrier, made_for: Subject) -> Any:
    try:
        data = carrier.context.capture()
        return None if data is None else _packed(carrier, data)
    except Exception as error:
        what = f"{carrier.path} cannot be captured for a row of {made_for.row.name}"
        if carrier.required:
            error.add_note(f"{what}; it is required, so no row was made")
            raise
        logger.warning("%s, which goes without it", what, exc_info=True)
        return None


def _packed(carrier: Carrier, data: Any) -> Any:
    limit = conf.MAX_ARGUMENTS_SIZE
    try:
        packed = codec.pack(data)
        size = _size(packed, limit)
    except (Unfit, RecursionError) as error:
        reason = getattr(error, "placed", "nested too deeply, or contains itself")
        raise ValueError(
            f"capture() of {carrier.path} returned a {type(data).__qualname__} that JSON would "
            f"not bring back: {reason}. Return JSON-compatible data, or None."
        ) from None
    if size > limit:
        raise ValueError(
            f"capture() of {carrier.path} returned {size} bytes of JSON, more than "
            f"MAX_ARGUMENTS_SIZE ({limit}). Store the data and return its key."
        )
    return packed


def _size(packed: Any, limit: int) -> int:
    """Return how many bytes of JSON that is; of what is small, how many at most."""
    most = len(repr(packed)) * ESCAPED
    return most if most <= limit else len(codec.to_json(packed))


# --- what went wrong with one ---------------------------------------------------------

#: Rows of which it was told in this process; so many are remembered.
_told: OrderedDict[tuple[Any, str], None] = OrderedDict()
REMEMBERED = 1000


def tell(row: Any, path: str, what: str, error: BaseException) -> None:
    """Log what a context has raised: once for each row, in a process."""
    place = (row.pk, path)
    if place in _told:
        return
    _told[place] = None
    while len(_told) > REMEMBERED:
        _told.popitem(last=False)
    text = "%s cannot be %s for the row %s of %s"
    logger.warning(text, path, what, row.pk, row.name, exc_info=error)


# --- what belongs to no row -----------------------------------------------------------


def untraced(function: Callable[P, R]) -> Callable[P, R]:
    """
    Have statements of ours, which belong to no run, be of no context either.

    A tracer would make a trace of each look for work. A context says how, by a method ``untraced``.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            found = _untracing(conf.CONTEXTS)
        except ImproperlyConfigured:
            found = ()  # whoever makes a row, or runs one, is told
        if not found:
            return function(*args, **kwargs)
        with ExitStack() as stack:
            for one in found:
                stack.enter_context(one())
            return function(*args, **kwargs)

    return call


@cache
def _untracing(paths: tuple[str, ...]) -> tuple[Callable[[], AbstractContextManager[Any]], ...]:
    found = [getattr(carrier.context, "untraced", None) for carrier in _listed(paths)]
    return tuple(one for one in found if one is not None)
