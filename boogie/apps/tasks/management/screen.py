"""
A glance as a terminal shows it, drawn by Rich. Nobody but ``boogie_top`` may import this room.
"""

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from boogie.apps.tasks.models import Progress
from boogie.apps.tasks.monitoring.glance import SPAN, Glance, QueueNow, RunNow
from boogie.apps.tasks.serialization.sealing import shown

#: Columns of a terminal from which on there is room for everything.
WIDE = 100
#: Lines of each table, where the terminal has them.
LINES, LINES_OF_RUNNING = 8, 20
#: Lines that are not those of tables' rows: heads, gaps, the line at the top.
FRAME = 16

BAD, GOOD, DIM = "bold red", "green", "dim"


def draw(seen: Glance, console: Console, trouble: str = "") -> RenderableType:
    """Return everything for a console of this size; ``trouble``: why it is not of now."""
    lines = LINES if not console.is_terminal else max(2, min(LINES, (console.height - FRAME) // 4))
    parts: list[RenderableType] = [_head(seen)]
    if trouble:
        parts.append(Text(_plain(trouble), style=BAD))
    parts += [
        _running(seen, console.width, min(LINES_OF_RUNNING, lines * 5 // 2)),
        _workers(seen, console.width, lines),
        _queues(seen, console.width, lines),
        _failures(seen, console.width, lines),
    ]
    return Group(*parts)


def _head(seen: Glance) -> RenderableType:
    alive = sum(worker.is_alive for worker in seen.workers)
    dead = len(seen.workers) - alive
    line = Text.assemble(
        (f"{alive} worker(s) alive", GOOD if alive else BAD),
        (f", {dead} dead" if dead else "", BAD),
        f", {seen.running_count} running",
    )
    for status, number in seen.ended.items():
        rate = f"{int(number) * 60 / SPAN:,.1f}{'+' if number.is_capped else ''}"
        line.append(", ")
        line.append(f"{rate} {status} a minute", BAD if status == "failed" and number else "")
    if seen.held:
        line.append(f", held: {_plain(', '.join(seen.held))}", BAD)
    return line


def _running(seen: Glance, width: int, lines: int) -> Table:
    wide = width >= WIDE
    columns = ["task", "progress", "", "for"]
    if wide:
        columns = ["task", "object", "progress", "", "for", "worker"]
    table = _table("Running", *columns)
    for row in seen.running[:lines]:
        cells: list[RenderableType] = [
            _text(_short(row.task, wide), width // 4),
            _bar(row.progress, width // 8),
            _text(_words(row), width // 5, BAD if row.is_stalled else ""),
            Text(_span(row.age)),
        ]
        if wide:
            cells.insert(1, _text(row.object, width // 5))
            cells.append(_text(_host(row.worker), width // 6, DIM))
        table.add_row(*cells)
    return _with_rest(table, len(seen.running) - lines)


def _bar(progress: Progress | None, width: int) -> RenderableType:
    if progress is None or progress.fraction is None:
        return Text("")
    return ProgressBar(total=1.0, completed=progress.fraction, width=width)


def _words(row: RunNow) -> str:
    words = _amount(row.progress) if row.progress else ""
    return f"stalled, {words}" if row.is_stalled else words


def _amount(progress: Progress) -> str:
    note = shown(progress.note)
    if progress.fraction is None:
        return f"{progress.done:g} {note}".strip()
    return f"{progress.fraction:.0%} {note}".strip()


def _workers(seen: Glance, width: int, lines: int) -> Table:
    wide = width >= WIDE
    columns = ["worker", "seen", "runs", "what"]
    if wide:
        columns.insert(2, "queues")
    table = _table("Workers", *columns)
    for worker in seen.workers[:lines]:
        age = f"{'' if worker.is_alive else 'dead, '}{_span(worker.age)} ago"
        what = ", ".join(sorted({name.rpartition(".")[2] for name in worker.runs}))
        cells = [
            _text(_host(worker.id), width // 4),
            Text(age, style=GOOD if worker.is_alive else BAD),
            Text(f"{len(worker.runs)} of {worker.concurrency}"),
            _text(what, width // 4),
        ]
        if wide:
            cells.insert(2, _text(", ".join(worker.queues), width // 5))
        table.add_row(*cells)
    return _with_rest(table, len(seen.workers) - lines)


def _queues(seen: Glance, width: int, lines: int) -> Table:
    table = _table("Queues", "queue", "waiting", "oldest", "")
    for queue in seen.queues[:lines]:
        table.add_row(
            _text(queue.name, width // 3),
            Text(str(queue.waiting)),
            Text(_span(queue.oldest) if queue.waiting else ""),
            Text(_state(queue), style=BAD),
        )
    return _with_rest(table, len(seen.queues) - lines)


def _state(queue: QueueNow) -> str:
    said = ["held"] if queue.is_held else []
    return ", ".join(said if queue.is_served else [*said, "nobody serves this queue"])


def _failures(seen: Glance, width: int, lines: int) -> Table:
    table = _table("Open failures, of the newest", "task", "error", "number", "last")
    for failure in seen.failures[:lines]:
        table.add_row(
            _text(_short(failure.task, width >= WIDE), width // 3),
            _text(failure.error_type.rpartition(".")[2], width // 3, BAD),
            Text(str(failure.number)),
            Text(f"{_span(failure.age)} ago"),
        )
    return _with_rest(table, len(seen.failures) - lines)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    for column in columns:
        table.add_column(column, header_style=DIM, no_wrap=True, overflow="ellipsis")
    return table


def _with_rest(table: Table, number: int) -> Table:
    """Return a table that says how many rows are not shown; or that there is none."""
    if number > 0:
        table.add_row(Text(f"and {number} more", style=DIM))
    elif not table.row_count:
        table.add_row(Text("none", style=DIM))
    return table


# --- words ----------------------------------------------------------------------------


def _text(text: str, most: int, style: str = "") -> Text:
    found = Text(_plain(text), style=style)
    found.truncate(max(most, 8), overflow="ellipsis")
    return found


def _plain(text: str) -> str:
    """Return text without what a terminal obeys: names and notes are written by anybody."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _short(name: str, wide: bool) -> str:
    return name if wide else name.rpartition(".")[2]


def _host(worker: str) -> str:
    return worker.rpartition("/")[0] or worker


def _span(seconds: float) -> str:
    """Return a span of time in its two largest units."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
