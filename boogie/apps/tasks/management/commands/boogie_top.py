"""``manage.py boogie_top``: what goes on, on a terminal, as long as somebody looks."""

import contextlib
import os
import threading
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db import Error

from boogie.apps.tasks.db import connections
from boogie.apps.tasks.management import numbers
from boogie.apps.tasks.management.english import EnglishCommand
from boogie.apps.tasks.monitoring.glance import Glance, glance

if TYPE_CHECKING:
    from rich.console import Console

#: Seconds between two frames.
INTERVAL = 2.0

#: Columns where there is no terminal that has a width.
PIPE_WIDTH = 120


class Command(EnglishCommand):
    """Show workers, running rows, queues, failures and rates, anew every few seconds."""

    help = (
        "Show workers, running rows with their bars, queues, open failures and rates, live until "
        "Ctrl-C. Each frame takes five small statements. What is no terminal gets one frame."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="print one frame, and end")
        parser.add_argument(
            "--interval",
            type=numbers.positive_seconds,
            default=INTERVAL,
            metavar="SECONDS",
            help=f"between two frames (default: {INTERVAL:g})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = self._console(options["no_color"])
        if options["once"] or not console.is_terminal:
            self._once(console)
            return
        with contextlib.suppress(KeyboardInterrupt):
            self._live(console, options["interval"])

    def _console(self, no_color: bool) -> "Console":
        try:
            from rich.console import Console
        except ImportError:
            raise CommandError(
                "boogie_top draws with Rich, which is not installed: "
                'pip install "django-boogie[cli]"'
            ) from None
        out: Any = self.stdout
        width = None if out.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
        return Console(file=out, no_color=no_color or None, highlight=False, width=width)

    def _once(self, console: "Console") -> None:
        from boogie.apps.tasks.management import screen

        try:
            seen = glance()
        except Error as error:
            message = f"The database does not answer: {error}"
            raise CommandError(message, returncode=2) from None
        console.print(screen.draw(seen, console))

    def _live(self, console: "Console", interval: float) -> None:
        from rich.live import Live

        from boogie.apps.tasks.management import screen

        seen, pause = Glance(), threading.Event()
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                trouble = ""
                try:
                    seen = glance()
                except Error as error:
                    trouble = f"The database does not answer, this is what was before: {error}"
                    connections.drop_all()
                live.update(screen.draw(seen, console, trouble), refresh=True)
                pause.wait(interval)
