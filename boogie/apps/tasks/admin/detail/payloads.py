"""
Arguments and result of a row: read as they are stored, and masked where they are sensitive.

Nothing is decoded into objects: what cannot be decoded is shown as well.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import F, TextField
from django.db.models.functions import Cast, Substr
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from boogie.apps.tasks import registry
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.serialization import codec, sealing, secrets

from . import exact

#: Characters of a result that a page reads; more is for a download.
READ = 1_000_000

#: In place of what is stored encrypted.
MASKED = json.dumps(secrets.MASK, ensure_ascii=False)

#: The columns that are read here alone.
COLUMNS = ("args", "kwargs", "result")


def _as_text(name: str) -> Any:
    return Cast(F(name), TextField())


@dataclass(frozen=True)
class Payload:
    """What a row carries, as JSON. ``result`` is ``None`` if it has none."""

    name: str
    args: str
    kwargs: str
    result: str | None
    #: Whether there is more of the result than was read.
    is_cut: bool = False
    #: Whether who looks may see what could be sensitive, and is not known to be.
    is_trusted: bool = False
    #: Whether it is of a function of Django Tasks.
    is_function: bool = False

    @classmethod
    def of(cls, row: Task, user: Any, whole: bool = False) -> "Payload":
        """Read for ``user`` the payload of ``row`` (one query); ``whole``: also a huge result."""
        result = _as_text("result")
        shown = result if whole else Substr(result, 1, READ + 1)
        columns = (_as_text("args"), _as_text("kwargs"), shown)
        found = Task.objects.values_list(*columns).get(pk=row.pk)
        args, kwargs, text = (MASKED if sealing.is_token(t or "") else t for t in found)
        is_cut = not whole and text is not None and len(text) > READ
        cut = text[:READ] if is_cut else text
        return cls(row.name, args, kwargs, cut, is_cut, user.is_superuser, bool(row.backend))

    # --- arguments --------------------------------------------------------------------

    @cached_property
    def task(self) -> Any:
        """The declaration, or ``None``: then nobody knows what is sensitive."""
        return finding.signature(self.name) if self.is_function else registry.get(self.name)

    @property
    def is_shown(self) -> bool:
        """Whether arguments are shown but for sensitive ones, if there is a declaration."""
        return self.task is not None or self.is_trusted

    @property
    def sensitive(self) -> tuple[str, ...]:
        """What the declaration calls sensitive."""
        return () if self.task is None else tuple(self.task.sensitive or ())

    @cached_property
    def call(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments, as :func:`exact.loads` reads them; sensitive ones are masks."""
        if MASKED in (self.args, self.kwargs):
            return [secrets.MASK], {}
        args, kwargs = exact.loads(self.args), exact.loads(self.kwargs)
        return self._masked(
            [
                secrets.MASK if self._is_sensitive(self._parameter(position)) else value
                for position, value in enumerate(args)
            ]
        ), self._masked(
            {
                name: secrets.MASK if self._is_sensitive(name) else value
                for name, value in kwargs.items()
            }
        )

    @property
    def named(self) -> list[tuple[str, Any]]:
        """The arguments by what they are called."""
        args, kwargs = self.call
        if MASKED in (self.args, self.kwargs):
            return [(_("encrypted"), secrets.MASK)]
        by_position = [(self._parameter(at) or str(at), value) for at, value in enumerate(args)]
        return [*by_position, *kwargs.items()]

    def _parameter(self, position: int) -> str:
        try:
            return str(self.task.parameter(position + 1)) if self.task else ""
        except IndexError:  # the function takes fewer than when the row was made
            return ""

    def _is_sensitive(self, name: str) -> bool:
        return not self.is_shown or name.partition("[")[0] in self.sensitive

    # --- masking ----------------------------------------------------------------------

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """What is shown nowhere, as text."""
        if not self.sensitive or MASKED in (self.args, self.kwargs):
            return ()
        try:
            args, kwargs = (json.loads(t, cls=codec.Decoder) for t in (self.args, self.kwargs))
        except codec.MALFORMED:
            args, kwargs = json.loads(self.args), json.loads(self.kwargs)
        return secrets.hidden(self.task, [None, *args], kwargs)

    def mask(self, text: str) -> str:
        """Return ``text`` without what is hidden, also where it is escaped as in JSON."""
        ways = [(value, is_ascii) for value in self.hidden for is_ascii in (True, False)]
        escaped = [json.dumps(value, ensure_ascii=is_ascii)[1:-1] for value, is_ascii in ways]
        return secrets.masked(secrets.masked(text, self.hidden), escaped)

    def _masked(self, value: Any) -> Any:
        if not self.hidden:
            return value
        if isinstance(value, str):
            text = secrets.masked(value, self.hidden)
            return value if text == value else text  # a number that is shown stays one
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, dict):
            return {self._masked(key): self._masked(item) for key, item in value.items()}
        return value

    # --- as JSON ----------------------------------------------------------------------

    def arguments_json(self) -> str:
        """Return the arguments, masked, as JSON; as they are stored, where nothing is hidden."""
        if self.is_shown and not self.sensitive:
            return f'{{"args": {self.args}, "kwargs": {self.kwargs}}}'
        try:
            args, kwargs = self.call
        except exact.UNREADABLE:
            return exact.dumps({"args": secrets.MASK, "kwargs": secrets.MASK})
        return exact.dumps({"args": args, "kwargs": kwargs})

    def result_data(self) -> Any:
        """Return the result, masked; raise one of :data:`exact.UNREADABLE`."""
        return self._masked(exact.loads(self.result or "null"))

    def result_json(self) -> str:
        """Return the result, masked, as JSON; as it is stored, where nothing is to be hidden."""
        text = self.result or "null"
        if not self.hidden:
            return text
        try:
            return exact.dumps(self.result_data())
        except exact.UNREADABLE:
            return self.mask(text)
