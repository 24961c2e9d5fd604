"""``manage.py boogie_run``: a run of a task on one object, started from the command line."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from django import forms
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import models, router

from boogie.apps.tasks import registry
from boogie.apps.tasks.declaration import faces, fitting
from boogie.apps.tasks.exceptions import TaskCancelled, TaskFailed
from boogie.apps.tasks.forms import TaskForm, for_task, start
from boogie.apps.tasks.forms.typed import filled_in, takes_several
from boogie.apps.tasks.management.english import EnglishCommand
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring.conditions import FilterError, models_named
from boogie.apps.tasks.serialization import codec, references

WRONG, FAILED = 2, 1

#: Options of ours; an argument of that name has ``argument-`` in front.
TAKEN = frozenset({"help", "wait", "at", "paused", "settings", "pythonpath", "traceback"})


class Command(EnglishCommand):
    """Start a task on one object."""

    help = (
        "Start a task on one object: boogie_run app.tasks.clean user:42 --force=true. What a task "
        "takes, boogie_run app.tasks.clean --help says. Exit status: 0 done, 1 the run failed or "
        "was cancelled (with --wait), 2 wrong usage."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # "--force" is not short for "--force-color" here.
        return super().create_parser(prog_name, subcommand, **{"allow_abbrev": False, **kwargs})

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("task", help="the name of a task")
        _add_when(parser)
        parser.add_argument(
            "call",
            nargs=argparse.REMAINDER,
            metavar="app.model:key [--argument=value ...]",
            help="the object and the arguments; or --help",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        task = registry.get(options["task"])
        if task is None:
            raise CommandError(f"There is no task {options['task']!r}.", returncode=WRONG)
        shown = for_task(task)
        parser = _parser_of(shown)
        given = vars(parser.parse_args([str(word) for word in options["call"]]))
        when = {name: given.pop(name) or options[name] for name in ("wait", "at", "paused")}
        if when["paused"] and (when["wait"] or when["at"]):
            parser.error("--paused: such a row waits until somebody runs it")
        obj = find_object(task, given.pop("object"))
        row = start(_checked(task, given, when), obj)
        there = "" if row.is_new else "  there already"
        self.stdout.write(f"{row.pk}  {row.status}  {row.name}{there}")
        if when["wait"]:
            self._wait(row)

    def _wait(self, row: Task) -> None:
        try:
            row.wait()
        except (TaskFailed, TaskCancelled) as error:
            self.stderr.write(f"{type(error).__name__}: {error}")
            sys.exit(FAILED)
        row.refresh_from_db()
        self.stdout.write(codec.to_json(row.result))


# --- what a task takes ----------------------------------------------------------------


class _Parser(CommandParser):
    """Reads the object and the arguments of one task."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}\n{self.format_usage().strip()}", returncode=WRONG)


def _parser_of(form: TaskForm) -> _Parser:
    task = form.task
    parser = _Parser(
        prog=f"manage.py boogie_run {task.name}",
        description=faces.summary(task),
        allow_abbrev=False,
    )
    about = " or ".join(model._meta.label_lower for model in fitting.models_of(task))
    parser.add_argument(
        "object", metavar="app.model:key", help=f"the object: {about or 'of any model'}"
    )
    for bound in form.argument_fields:
        _add_option(parser, bound)
    _add_when(parser)
    for option in ("--settings", "--pythonpath"):  # manage.py has read them
        parser.add_argument(option, help=argparse.SUPPRESS)
    parser.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)
    return parser


def _add_when(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait for its end, print its result")
    parser.add_argument("--at", help="start it at a time: 2h (from now), or 2026-11-26T14:30")
    parser.add_argument("--paused", action="store_true", help="have it wait until it is run")


def _add_option(parser: argparse.ArgumentParser, bound: forms.BoundField) -> None:
    field = bound.field
    words: dict[str, Any] = {"dest": f"={bound.name}", "help": _help(bound), "action": "append"}
    if isinstance(field, forms.BooleanField):
        words.update(nargs="?", const="true")
    name = f"argument-{bound.name}" if bound.name in TAKEN else bound.name
    spellings = dict.fromkeys([f"--{name.replace('_', '-')}", f"--{name}"])
    parser.add_argument(*spellings, metavar="VALUE", **words)


def _help(bound: forms.BoundField) -> str:
    parts = [str(bound.help_text)]
    choices = getattr(bound.field, "choices", None)
    if choices is not None and not isinstance(bound.field, forms.ModelChoiceField):
        parts.append(", ".join(str(key) for key, _label in choices if key))
    if takes_several(bound.field):
        parts.append("May be given several times.")
    if bound.field.required:
        parts.append("Required.")
    elif (value := bound.value()) not in (None, ""):
        parts.append(f"Default: {value}.")
    return " ".join(part for part in parts if part).replace("%", "%%")


def _checked(task: Any, given: Mapping[str, Any], when: Mapping[str, Any]) -> TaskForm:
    """Return the valid form of what was typed."""
    typed = {name[1:]: texts for name, texts in given.items() if name[0] == "=" and texts}
    form = filled_in(task, typed, at=when["at"], paused=when["paused"])
    if form.is_valid():
        return form
    problems = [
        f"--{name.lstrip(':').replace('_', '-')}: {message}" if name != "__all__" else str(message)
        for name, messages in form.errors.items()
        for message in messages
    ]
    raise CommandError("\n".join(problems), returncode=WRONG)


# --- the object -----------------------------------------------------------------------


def find_object(task: Any, reference: str) -> models.Model:
    """Return the object ``app.model:key``, or raise ``CommandError``."""
    label, _colon, key = reference.partition(":")
    if not (label and key):
        raise CommandError(
            f"Write the object as app.model:key, not {reference!r}.", returncode=WRONG
        )
    model = _the_model(task, label)
    try:
        stored = references.key_value(model, key)
        objects = model._base_manager.using(router.db_for_write(model))
        found: models.Model | None = objects.filter(pk=stored).first()
    except (ValidationError, ValueError, TypeError, OverflowError):
        found = None
    if found is None:
        name = model._meta.label_lower
        raise CommandError(f"There is no {name} with the key {key!r}.", returncode=WRONG)
    return found


def _the_model(task: Any, label: str) -> type[models.Model]:
    try:
        called = models_named("object", label)
    except FilterError as error:
        raise CommandError(str(error), returncode=WRONG) from None
    about = fitting.models_of(task)
    fitting_ones = [model for model in called if model in about] if about else called
    if not fitting_ones:
        known = ", ".join(model._meta.label_lower for model in about)
        raise CommandError(
            f"{task.name} is about {known}, not about {called[0]._meta.label_lower}.",
            returncode=WRONG,
        )
    if len(fitting_ones) > 1:
        several = ", ".join(sorted(model._meta.label_lower for model in fitting_ones))
        raise CommandError(
            f"{label!r} is the name of several models: {several}. Write one of these.",
            returncode=WRONG,
        )
    return fitting_ones[0]
