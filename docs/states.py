"""
Draws ``states.svg`` from the table of arrows: ``python docs/states.py``.

Statuses have fixed places; arrows are drawn from ``states.ARROWS``, so an arrow
that joins the table joins the picture.
"""

import sys
from collections import defaultdict
from html import escape
from math import hypot
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = Path(__file__).parent / "states.svg"

WIDTH, HEIGHT = 760, 380
BOX = (104, 40)

#: Centres of the boxes.
PLACES = {
    "paused": (110, 90),
    "queued": (330, 90),
    "running": (610, 90),
    "cancelled": (150, 340),
    "failed": (400, 340),
    "finished": (610, 340),
}

#: Distance between the curves of arrows that join the same two statuses.
SPREAD = 40
#: Where on its curve an arrow's label stands: 0 at the source, 1 at the target.
HOW_FAR = 0.36

EDGE = 'fill="none" stroke="#777" stroke-width="1.4" marker-end="url(#head)"'
LABEL = 'fill="#333" text-anchor="middle" stroke="#fff" stroke-width="4" paint-order="stroke"'
NAME = 'fill="#fff" text-anchor="middle" font-weight="bold"'
ALIVE, OVER = "#2b6cb0", "#555"

HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"
     font-family="sans-serif" font-size="13">
<title>The statuses of a row and the arrows between them</title>
<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"
        orient="auto"><path d="M0 0 10 5 0 10z" fill="#777"/></marker>
<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#fff"/>
"""


def picture(arrows, ended) -> str:
    """Return the text of the SVG file."""
    edges = [(arrow.name, s, arrow.target) for arrow in arrows for s in sorted(arrow.sources)]
    parts = [HEAD, *_edges(edges)]
    for status, (x, y) in PLACES.items():
        colour = OVER if status in ended else ALIVE
        left, top = x - BOX[0] / 2, y - BOX[1] / 2
        parts.append(
            f'<rect data-status="{status}" fill="{colour}" x="{left:g}" y="{top:g}" '
            f'width="{BOX[0]}" height="{BOX[1]}" rx="8"/>\n'
            f'<text {NAME} x="{x}" y="{y + 5}">{status}</text>\n'
        )
    return "".join([*parts, "</svg>\n"])


def _edges(edges):
    """Yield every arrow; those between the same two statuses are fanned out."""
    pairs = defaultdict(list)
    for edge in edges:
        pairs[frozenset(edge[1:])].append(edge)
    for pair in pairs.values():
        first = pair[0][1]
        for index, (name, source, target) in enumerate(pair):
            offset = SPREAD * (index - (len(pair) - 1) / 2)
            # A curve that goes the other way bends the other way.
            bend = offset if source == first else -offset
            shape = _loop(source) if source == target else _curve(source, target, bend)
            yield _edge(name, source, target, *shape)


def _edge(name, source, target, path, x, y) -> str:
    return (
        f'<path {EDGE} data-arrow="{escape(name)}" data-source="{source}" '
        f'data-target="{target}" d="{path}"/>\n'
        f'<text {LABEL} x="{x:.0f}" y="{y:.0f}">{escape(name)}</text>\n'
    )


def _loop(status):
    x, y = PLACES[status]
    top = y - BOX[1] / 2
    return f"M{x - 18} {top:g}C{x - 34} {top - 46:g} {x + 34} {top - 46:g} {x + 18} {top:g}", x, 26


def _curve(source, target, bend):
    """Return a quadratic curve from box to box, and where its label stands."""
    (x1, y1), (x2, y2) = PLACES[source], PLACES[target]
    length = hypot(x2 - x1, y2 - y1)
    across = (-(y2 - y1) / length, (x2 - x1) / length)
    cx = (x1 + x2) / 2 + 2 * bend * across[0]
    cy = (y1 + y2) / 2 + 2 * bend * across[1]
    sx, sy = _border(x1, y1, cx, cy)
    tx, ty = _border(x2, y2, cx, cy)
    # Nearer to the source, where fewer arrows cross.
    a, b, c = (1 - HOW_FAR) ** 2, 2 * HOW_FAR * (1 - HOW_FAR), HOW_FAR**2
    mx, my = a * sx + b * cx + c * tx, a * sy + b * cy + c * ty
    return f"M{sx:.0f} {sy:.0f}Q{cx:.0f} {cy:.0f} {tx:.0f} {ty:.0f}", mx, my - 5


def _border(x, y, towards_x, towards_y):
    """Return where the line from a box's centre leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    scale = min(
        BOX[0] / 2 / abs(dx) if dx else float("inf"), BOX[1] / 2 / abs(dy) if dy else float("inf")
    )
    return x + dx * scale, y + dy * scale


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from boogie.apps.tasks.lifecycle import states

    PICTURE.write_text(picture(states.ARROWS, states.ENDED))
