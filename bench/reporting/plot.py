"""The plot: four groups of bars, one bar for a system, as SVG."""

import textwrap
from dataclasses import dataclass
from html import escape

from bench.reporting.records import Records
from bench.reporting.targets import Figure, cycle, of
from bench.systems import SYSTEMS

WIDTH, COLUMN, LEFT, BAR, GAP = 960, 470, 225, 16, 6
OURS, THEIRS, TEXT, FAINT = "#2f6f9f", "#b9b4a7", "#24292e", "#6a737d"


@dataclass(frozen=True)
class Panel:
    """A group of bars."""

    title: str
    kind: str
    path: str
    form: str = "{:.0f}"

    def figure(self, system: str) -> Figure:
        return (
            cycle(system, self.path) if self.kind == "cycle" else of(system, "latency", self.path)
        )


PANELS = [
    Panel("Tasks drained per second", "cycle", "drain.rate"),
    Panel("CPU per task, ms, all processes (less is better)", "cycle", "drain.cpu_ms", "{:.1f}"),
    Panel("Enqueued per second, one by one", "cycle", "single.rate"),
    Panel("Latency at idle, p50 in ms (less is better)", "latency", "alone.p50", "{:.1f}"),
]


def draw(records: Records) -> str:
    """Return the whole picture."""
    drawn = [_panel(panel, records) for panel in PANELS]
    height = 16
    parts: list[str] = []
    for pair in (drawn[:2], drawn[2:]):
        for column, (lines, _) in enumerate(pair):
            parts.append(f'<g transform="translate({10 + column * COLUMN},{height})">')
            parts += [*lines, "</g>"]
        height += max(tall for _, tall in pair) + 18
    for line in (line for long in foot(records) for line in textwrap.wrap(long, 140)):
        parts.append(_text(10, height + 8, line, FAINT, size=10))
        height += 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 8}"'
        ' font-family="system-ui, sans-serif" role="img">'
    )
    title = "<title>Boogie beside other task systems of Django</title>"
    paper = f'<rect width="{WIDTH}" height="{height + 8}" fill="#fff"/>'
    return "\n".join([head, title, paper, *parts, "</svg>", ""])


def _panel(panel: Panel, records: Records) -> tuple[list[str], int]:
    """Return the elements of a panel, and its height."""
    values = {name: panel.figure(name)(records) for name in SYSTEMS}
    known = {name: value for name, value in values.items() if value is not None}
    longest = max(known.values(), default=1.0)
    lines = [_text(0, 12, panel.title, TEXT, size=13, weight="600")]
    y = 24
    for name, value in known.items():
        length = max(1.0, value / longest * (COLUMN - LEFT - 70))
        colour = OURS if name.startswith("boogie") else THEIRS
        label = SYSTEMS[name].label
        lines.append(_text(LEFT - 8, y + 12, label, TEXT, size=11, anchor="end"))
        lines.append(
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
        )
        lines.append(_text(LEFT + length + 5, y + 12, panel.form.format(value), TEXT, size=11))
        y += BAR + GAP
    return lines, y


def _text(
    x: float, y: float, text: str, colour: str, size: int, anchor: str = "start", weight: str = ""
) -> str:
    style = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{colour}"'
        f' text-anchor="{anchor}"{style}>{escape(text)}</text>'
    )


def foot(records: Records) -> tuple[str, str]:
    """Return the machine, and the versions, each on a line."""
    about = records.machine
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    machine = f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB"
    return f"{machine}, {about['system']}", versions
