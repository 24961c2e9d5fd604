"""
What stands in front of every registered task: nothing runs, or is sent, round a row.
"""

from typing import Any, cast

from celery.exceptions import Ignore

from boogie.apps.tasks import current_app

from .asynchronous.stack import ContextStack


class Gate:
    """
    The first class of every registered task.

    Celery swallows the exceptions of signal receivers, so the claim made by the
    receiver of ``task_prerun`` is looked for here, before any hook or body.
    """

    @classmethod
    def bind(cls: Any, app: Any) -> Any:
        """Bind to ``app``; one that is not in use does not take the task from the one that is."""
        if cls.__bound__ and app is not current_app.celery_app():
            return app
        bound = super().bind(app)  # type: ignore[misc]
        if cls.has_coroutines and not isinstance(cls.request_stack, ContextStack):
            cls.request_stack = ContextStack(cls.name)
        return bound

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> Any:
        """Stop a run without a claimed row; one without its object fails where its body would."""
        task = cast(Any, self)
        run = task._current_run
        if run is None:
            raise Ignore(f"{task_id} is not to be run: it was claimed, moved or deleted before")
        if run.gone is not None:
            return None
        return super().before_start(task_id, args, kwargs)  # type: ignore[misc]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        task = cast(Any, self)
        run = task._current_run
        if run is None and not task.request.called_directly:
            raise Ignore(f"{task.request.id} has no claimed row")
        if run is None or not run.enters():  # a plain call of the function
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        from boogie.apps.tasks.execution import perform

        if run.gone is not None:
            # Here, not before: who traces errors (Sentry does) stands around this call.
            perform.give_up(task, run, run.gone)
        return perform.perform(task, run, super().__call__)  # type: ignore[misc]

    def apply_async(self: Any, *args: Any, **options: Any) -> Any:
        """Refuse: a message without a row would run nothing."""
        raise TypeError(
            f"{self.name} is a Boogie task: use delayed(obj, ...) or schedule(time, obj, ...) "
            f"in place of delay() and apply_async()."
        )

    #: Refused here and now, not when the transaction commits.
    delay_on_commit = apply_async_on_commit = apply_async

    def signature(self: Any, *args: Any, **options: Any) -> Any:
        """Refuse: a chain, a group or a callback sends messages, which run nothing here."""
        raise TypeError(
            f"{self.name} is a Boogie task: use delayed(obj, ...) in place of signatures, in the "
            f"body of the task before it or in a receiver of task_finished, and each(objects, ...) "
            f"in place of group() and map()."
        )

    #: Whatever makes a signature, or is made of some; ``s()`` and ``si()`` call the first.
    subtask = signature_from_request = subtask_from_request = signature
    map = starmap = chunks = replace = add_to_chord = signature

    def AsyncResult(self: Any, *args: Any, **options: Any) -> Any:
        """
        Refuse: nothing is known of a row there.

        Celery asks for it before it sends the first message of a chain, group or chord in which
        somebody has put the name of this task.
        """
        raise TypeError(
            f"{self.name} is a Boogie task: use its rows in place of AsyncResult: "
            f"Task.objects.get(pk=...). Nor is it a part of a chain, a group or a chord."
        )

    def apply(self: Any, *args: Any, **options: Any) -> Any:
        """Refuse: see ``call()``."""
        raise TypeError(f"{self.name} is a Boogie task: use call(obj, ...) in place of apply().")


class OfFunctions:
    """
    A verb that functions of Django Tasks have, and Boogie tasks do not: the error says what to use.

    Still no attribute: ``hasattr()`` is false, and a subclass may have one of that name.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, task: Any, owner: Any) -> Any:
        verb = "adelayed" if self._name.startswith("a") else "delayed"
        raise AttributeError(
            f"{owner.name or owner.__qualname__} is a Boogie task: use {verb}(obj, ...) in place "
            f"of {self._name}(), which functions of Django Tasks have.",
            name=self._name,
            obj=owner if task is None else task,
        )
