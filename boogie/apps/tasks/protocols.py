"""
What a declared task and a stored row look like to those who may not import them.

The rooms below the declarations and the models take these types. Nothing is
implemented here, and nothing of this package may be imported.
"""

from collections.abc import Callable
from typing import Any, Protocol


class Declaration(Protocol):
    """A task: a ``BoogieTask`` instance, registered under its name and its aliases."""

    @property
    def name(self) -> Any:
        """The name that its rows carry."""

    @property
    def app(self) -> Any:
        """The Celery app to which it is bound."""

    @property
    def request(self) -> Any:
        """Celery's request of the run that goes on in this thread."""

    @property
    def request_stack(self) -> Any:
        """Those requests, the innermost last."""

    @property
    def on_failure(self) -> Callable[..., Any]:
        """Celery's hook for a run that failed."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name, then the aliases."""

    @property
    def queue(self) -> str | None:
        """The queue of its rows; ``None``: Celery's routes decide."""

    @property
    def priority(self) -> int | None:
        """The priority that was declared."""

    @property
    def row_priority(self) -> int:
        """The priority that a new row gets."""

    @property
    def atomic(self) -> bool:
        """Whether the body and the settling of its row share one transaction."""

    @property
    def rescue(self) -> bool:
        """Whether a run whose worker died may be started again."""

    @property
    def expires(self) -> Any:
        """By when a row is to be started, or how long after it may."""

    @property
    def on_delete(self) -> str:
        """What becomes of its rows when their object is deleted."""

    @property
    def log(self) -> Any:
        """The level from which on its rows keep what the body logs."""

    @property
    def sensitive(self) -> Any:
        """Names of arguments that are shown nowhere."""

    @property
    def encrypt(self) -> bool:
        """Whether what its rows carry is stored encrypted."""

    @property
    def model(self) -> Any:
        """The model that it says it is about, or ``app.Model``."""

    @property
    def unique_rule(self) -> Any:
        """Of which calls one row is enough; ``None``: each makes one."""

    @property
    def declared_from(self) -> Any:
        """The function or class that was decorated."""

    def check_call(self, *args: Any, **kwargs: Any) -> None:
        """Raise the ``TypeError`` that calling the function would."""

    def check_object(self, obj: Any) -> None:
        """Raise ``TypeError`` if it is not about objects like ``obj``."""

    def check_model(self, model: Any) -> None:
        """Raise ``TypeError`` if it is not about the objects of a queryset of ``model``."""

    def accepts(self, model: Any) -> bool:
        """Return whether it takes objects of ``model``."""

    def parameter(self, position: int) -> str:
        """Return what the argument at ``position`` is called; the object has 0."""

    def serialize_result(self, result: Any) -> Any:
        """Return JSON-compatible data for what the body returned."""

    def deserialize_result(self, data: Any) -> Any:
        """Return what :meth:`serialize_result` got."""

    def ensure_bound(self) -> None:
        """Apply Celery's settings, if nobody has done that yet."""

    def bind(self, app: Any) -> Any:
        """Bind the task to a Celery app."""


class Row(Protocol):
    """A recorded run: an instance of the model ``Task``."""

    pk: Any
    _state: Any

    @property
    def name(self) -> str:
        """The name of its task."""

    @property
    def backend(self) -> str:
        """The backend of Django Tasks that made it; empty for a row about an object."""

    @property
    def attempt(self) -> int:
        """The number of the claim: what guards every later write of that run."""

    @property
    def unique_key(self) -> str:
        """What no two living rows of a unique task have in common; empty for others."""

    @property
    def unique_running(self) -> bool:
        """Whether that holds of running rows, too."""

    @property
    def is_needed(self) -> bool:
        """Whether others wait for it."""

    @property
    def is_after(self) -> bool | None:
        """Whether it waits for others; ``None``: it is after none."""

    @property
    def batch_id(self) -> Any:
        """The batch that it is of; ``None``: it is of none."""

    @property
    def errors(self) -> Any:
        """One entry for each attempt that failed or was lost."""

    @property
    def object_db(self) -> str:
        """The database of its object."""

    @property
    def context(self) -> Any:
        """What travels with it, by the dotted path of its context."""

    @property
    def content_type_id(self) -> Any:
        """The key of its object's content type."""
