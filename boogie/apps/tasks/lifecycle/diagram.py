"""
The state machine as shapes: where each status and each arrow is drawn. No colours, no markup.

Statuses have fixed places; arrows are drawn from the table that is given, so that one which joins
the table joins every picture.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot

from .states import Arrow

#: Where rows come from: the source of arrows that have none.
START = ""

WIDTH, HEIGHT = 760, 440
#: Without the arrows from :data:`START` nothing is drawn above this.
TOP = 60
BOX = (124, 40)

#: Centres of the boxes, and of the start.
PLACES = {
    START: (470, 22),
    "paused": (110, 150),
    "queued": (330, 150),
    "running": (610, 150),
    "cancelled": (150, 400),
    "failed": (400, 400),
    "finished": (610, 400),
}

#: Distance between the curves of arrows that join the same two statuses.
SPREAD = 40
#: Where on its curve an arrow's label stands: 0 at the source, 1 at the target.
HOW_FAR = 0.36
#: Curves of their own: the way to "paused" leads above the loop of "queued".
BENT = {(START, "paused"): 14.0}
#: Labels that would lie on others, and by how much they stand aside.
ASIDE = {(START, "paused"): -36.0, (START, "running"): 46.0}


@dataclass(frozen=True)
class Box:
    """A status: the corner and the centre of its box."""

    status: str
    left: float
    top: float
    x: float
    y: float
    width: int = BOX[0]
    height: int = BOX[1]


@dataclass(frozen=True)
class Edge:
    """An arrow from one of its sources: the path of SVG, and where its label stands."""

    name: str
    source: str
    target: str
    path: str
    x: float
    y: float

    @property
    def key(self) -> tuple[str, str, str]:
        """Which edge it is."""
        return self.name, self.source, self.target


def boxes() -> list[Box]:
    """Return the boxes of all statuses."""
    return [
        Box(status, x - BOX[0] / 2, y - BOX[1] / 2, x, y)
        for status, (x, y) in PLACES.items()
        if status != START
    ]


def edges(arrows: Iterable[Arrow]) -> list[Edge]:
    """Return every arrow from each of its sources; those between the same two are fanned out."""
    pairs: dict[frozenset[str], list[tuple[str, str, str]]] = defaultdict(list)
    for arrow in arrows:
        for source in sorted(arrow.sources) or [START]:
            pairs[frozenset((source, arrow.target))].append((arrow.name, source, arrow.target))
    return [edge for pair in pairs.values() for edge in _fanned(pair)]


def _fanned(pair: list[tuple[str, str, str]]) -> list[Edge]:
    first = pair[0][1]
    found = []
    for index, (name, source, target) in enumerate(pair):
        offset = SPREAD * (index - (len(pair) - 1) / 2) + BENT.get((source, target), 0.0)
        # A curve that goes the other way bends the other way.
        bend = offset if source == first else -offset
        path, x, y = _loop(source) if source == target else _curve(source, target, bend)
        x += ASIDE.get((source, target), 0.0)
        found.append(Edge(name, source, target, path, x, y))
    return found


def _loop(status: str) -> tuple[str, float, float]:
    x, y = PLACES[status]
    top = y - BOX[1] / 2
    path = f"M{x - 18} {top:g}C{x - 34} {top - 46:g} {x + 34} {top - 46:g} {x + 18} {top:g}"
    return path, x, top - 44


def _curve(source: str, target: str, bend: float) -> tuple[str, float, float]:
    """Return a quadratic curve from box to box, and where its label stands."""
    (x1, y1), (x2, y2) = PLACES[source], PLACES[target]
    length = hypot(x2 - x1, y2 - y1)
    across = (-(y2 - y1) / length, (x2 - x1) / length)
    cx = (x1 + x2) / 2 + 2 * bend * across[0]
    cy = (y1 + y2) / 2 + 2 * bend * across[1]
    sx, sy = (x1, y1) if source == START else _border(x1, y1, cx, cy)
    tx, ty = _border(x2, y2, cx, cy)
    # Nearer to the source, where fewer arrows cross.
    a, b, c = (1 - HOW_FAR) ** 2, 2 * HOW_FAR * (1 - HOW_FAR), HOW_FAR**2
    mx, my = a * sx + b * cx + c * tx, a * sy + b * cy + c * ty
    return f"M{sx:.0f} {sy:.0f}Q{cx:.0f} {cy:.0f} {tx:.0f} {ty:.0f}", mx, my - 5


def _border(x: float, y: float, towards_x: float, towards_y: float) -> tuple[float, float]:
    """Return where the line from a box's centre leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    scale = min(
        BOX[0] / 2 / abs(dx) if dx else float("inf"), BOX[1] / 2 / abs(dy) if dy else float("inf")
    )
    return x + dx * scale, y + dy * scale
