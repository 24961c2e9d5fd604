"""
The status of a row as an attribute: it can be asked in words, and is not set by hand.
"""

from typing import TYPE_CHECKING, Any, NoReturn, Self, overload

from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    from django.db.models import Model


class HasStatus:
    """A property that tells whether a row has a status."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.__doc__ = f"Whether the row is {status}."

    @overload
    def __get__(self, row: None, owner: type) -> Self: ...
    @overload
    def __get__(self, row: "Model", owner: type) -> bool: ...
    def __get__(self, row: "Model | None", owner: type) -> Self | bool:
        return self if row is None else bool(row.status == self.status)  # type: ignore[attr-defined]

    def __set__(self, row: "Model", value: object) -> NoReturn:
        raise AttributeError(f"whether a row is {self.status} follows from its status")


class AssignedStatus(DeferredAttribute):
    """The column itself; it remembers that somebody gave a stored row another status."""

    MARK = "_status_assigned"

    def __set__(self, row: "Model", value: Any) -> None:
        own = vars(row)
        if not row._state.adding and own.get("status", value) != value:
            own[self.MARK] = True
        own["status"] = value

    @classmethod
    def changed(cls, row: "Model") -> tuple[str, ...]:
        """Return the names of the fields that were assigned and must not be."""
        return ("status",) if cls.MARK in vars(row) else ()

    @classmethod
    def forget(cls, row: "Model") -> None:
        """The status is the stored one again."""
        vars(row).pop(cls.MARK, None)
