"""``manage.py boogie_tasks``: rows, asked for and moved from the command line."""

import json
import sys
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from boogie.apps.tasks import registry
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.management import holding, numbers
from boogie.apps.tasks.management.english import EnglishCommand
from boogie.apps.tasks.management.scheduled import beat
from boogie.apps.tasks.management.scheduled import listing as schedules
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring import describe, walking
from boogie.apps.tasks.monitoring.filters import FILTERS, FilterError, Filters
from boogie.apps.tasks.monitoring.held import rows as held_rows
from boogie.apps.tasks.monitoring.verbs import VERBS
from boogie.apps.tasks.operations import rekey
from boogie.apps.tasks.operations.forgetting import forget_elsewhere

LIMIT = 50

GAVE_UP = (
    "The newest {number:,} rows were looked at, and more may fit among older ones. An index finds "
    "them by --task, --object, --held-by, --requested-by, or a time (--since, --until)."
)

WORDS = {
    "status": "one of " + ", ".join(str(status) for status, _ in states.STATUS),
    "task": "the name of a task",
    "queue": "the name of a queue",
    "held_by": "held by a hold (queue:slow, task:app.tasks.clean) or a limit (payments, or for one "
    "value payments (5))",
    "requested_by": "the name of a user, or the key",
    "since": "made since then: 2h (so long ago), a date or a time",
    "until": "made before then",
    "model": "about objects of a model: app.model",
    "object": "about one object: app.model:key",
    "error_type": "failed with a type of error: ValueError, app.errors.NoStock",
    "batch": "of the batch with this number, or title",
    "waits_for": "waiting for the row with this id to finish, or for any of this task",
    "open": "yes: failed, and acknowledged by nobody; no: failed, and acknowledged",
    "q": "part of an id, a task, app.model:key, a worker or a type of error",
}


class Command(EnglishCommand):
    """List, show and move rows."""

    help = (
        "List, show and move rows; hold and release queues and tasks; list schedules, take over "
        "those of beat; change keys. Exit status: "
        "0 done, 1 a verb moved nothing, 2 wrong usage. Verbs ask before they do something to "
        "rows, unless --yes is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show the newest rows")
        _add_filters(listing)
        listing.add_argument(
            "--limit", type=numbers.positive_count, default=LIMIT, help="at most so many rows"
        )
        listing.add_argument("--json", action="store_true", help="print a JSON array")
        showing = actions.add_parser("show", help="show everything of one row, as JSON")
        showing.add_argument("id", type=uuid.UUID)
        holding.add_parsers(actions)
        actions.add_parser("rekey", help="encrypt what is stored encrypted with the first key anew")
        scheduled = actions.add_parser("schedules", help="show what is done again and again")
        scheduled.add_argument("--json", action="store_true", help="print a JSON array")
        importing = actions.add_parser(
            "import-beat", help="take over entries of django-celery-beat that name Boogie tasks"
        )
        importing.add_argument("--dry-run", action="store_true", help="say what would be done")
        for name, about in VERBS.items():
            verb = actions.add_parser(name, help=str(about.what))
            verb.add_argument("ids", nargs="*", type=uuid.UUID, metavar="id")
            _add_filters(verb)
            verb.add_argument("--all", action="store_true", help="all rows there are")
            verb.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        action = options["action"]
        if action == "show":
            self._show(options["id"])
        elif action == "list":
            self._list(options)
        elif action == "rekey":
            self._rekey()
        elif action == "schedules":
            self._list_schedules(options)
        elif action == "import-beat":
            self._import_beat(options)
        elif action in holding.ACTIONS:
            self._hold(action, options)
        else:
            self._move(action, options)

    # --- reading ----------------------------------------------------------------------

    def _show(self, key: uuid.UUID) -> None:
        row = Task.objects.filter(pk=key).first()
        if row is None:
            raise CommandError(f"There is no row {key}.", returncode=1)
        self.stdout.write(json.dumps(describe.in_full(row), indent=2, ensure_ascii=False))

    def _list(self, options: dict[str, Any]) -> None:
        filters = _filters(options)
        found = walking.look(filters, walking.newest(filters), options["limit"])
        stalled, held = describe.stalled(found.rows), held_rows.of_rows(found.rows)
        if options["json"]:
            shown = [
                {
                    **describe.in_short(row),
                    "stalled": row.pk in stalled,
                    "held_by": held[row.pk].what if row.pk in held else None,
                }
                for row in found.rows
            ]
            self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False))
        else:
            for row in found.rows:
                mark = "stalled" if row.pk in stalled else ""
                self.stdout.write(_line(row, held[row.pk].sentence if row.pk in held else mark))
        if found.gave_up:
            self.stderr.write(GAVE_UP.format(number=walking.most(Task.objects.db)))

    # --- schedules --------------------------------------------------------------------

    def _list_schedules(self, options: dict[str, Any]) -> None:
        found = schedules.everything()
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            for one in found:
                self.stdout.write(schedules.line(one))

    def _import_beat(self, options: dict[str, Any]) -> None:
        if not beat.is_possible():
            raise CommandError(
                "django_celery_beat is not in INSTALLED_APPS: there is nothing to take over.",
                returncode=2,
            )
        for told in beat.take_over(options["dry_run"]):
            self.stdout.write(str(told))

    # --- keys -------------------------------------------------------------------------

    def _rekey(self) -> None:
        try:
            outcome = rekey.every_row()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from None
        for key, reason in outcome.unreadable.items():
            self.stderr.write(f"{key}: {reason}")
        self.stdout.write(
            f"rekey: {outcome.changed} row(s) are encrypted with the key {outcome.fingerprint} "
            f"now, {outcome.unread} cannot be read"
        )
        if outcome.unread:
            sys.exit(1)

    # --- holding ----------------------------------------------------------------------

    def _hold(self, action: str, options: dict[str, Any]) -> None:
        try:
            said, is_done = holding.carry_out(action, options)
        except (LookupError, ValueError) as error:
            raise CommandError(str(error.args[0]), returncode=2) from None
        self.stdout.write(said)
        if not is_done:
            sys.exit(1)

    # --- moving -----------------------------------------------------------------------

    def _move(self, action: str, options: dict[str, Any]) -> None:
        rows = _chosen(action, options)
        verb = VERBS[action]
        if not options["yes"]:
            self._ask(str(verb.what), rows)
        moved = verb.do(rows, None)
        if action == "erase":
            given = [name for name in ("ids", *FILTERS) if options.get(name)]
            moved += forget_elsewhere(options["object"]) if given == ["object"] else 0
        self.stdout.write(f"{action}: {moved} row(s)")
        if not moved:
            sys.exit(1)

    def _ask(self, what: str, rows: TaskQuerySet) -> None:
        number = rows[: LIMIT + 1].count()
        shown = f"more than {LIMIT}" if number > LIMIT else str(number)
        self.stdout.write(f"This is to {what}; {shown} row(s) are looked at, such as:")
        for row in rows.order_by("-pk")[:3]:
            self.stdout.write(f"  {_line(row)}")
        try:
            answer = input("Go on? [y/N] ")
        except EOFError:
            message = "Nothing was done: nobody is there to be asked. Give --yes to go on."
            raise CommandError(message, returncode=1) from None
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was done.", returncode=1)


def _add_filters(parser: ArgumentParser) -> None:
    for name in FILTERS:
        spellings = dict.fromkeys(f"--{name}".replace("_", dash) for dash in "-_")
        parser.add_argument(*spellings, dest=name, help=WORDS[name])


def _filters(options: dict[str, Any]) -> Filters:
    try:
        filters = Filters.parse(options)
    except FilterError as error:
        raise CommandError(str(error), returncode=2) from None
    name = filters.as_dict().get("task")
    is_declared = registry.get(name or "") is not None or name in finding.names
    if name and not is_declared and not Task.objects.named(name).exists():
        raise CommandError(f"There is no task {name!r}.", returncode=2)
    return filters


def _chosen(action: str, options: dict[str, Any]) -> TaskQuerySet:
    rows = _filters(options).apply(Task.objects.all())
    if options["ids"]:
        return rows.filter(pk__in=options["ids"])
    if not options["all"] and not any(options.get(name) for name in FILTERS):
        raise CommandError(
            f"{action}: which rows? Name their ids, or a filter such as --status, or --all.",
            returncode=2,
        )
    return rows


def _line(row: Task, mark: str = "") -> str:
    progress = row.progress
    bar = f"{progress.fraction:.0%}" if progress and progress.fraction is not None else ""
    about, error = describe.reference(row), describe.error_of(row)
    parts = [str(row.pk), row.status, bar, mark, row.name, about, error or ""]
    return _printable("  ".join(part for part in parts if part)[:200])


def _printable(text: str) -> str:
    """Return a text as one line, without what a terminal would obey."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
