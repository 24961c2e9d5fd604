"""
Draws ``states.svg`` from the table of arrows: ``python docs/states.py``.

The shapes are those of ``boogie.apps.tasks.lifecycle.diagram``; how rows come to be is left out.
"""

import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = Path(__file__).parent / "states.svg"

EDGE = 'fill="none" stroke="#777" stroke-width="1.4" marker-end="url(#head)"'
LABEL = 'fill="#333" text-anchor="middle" stroke="#fff" stroke-width="4" paint-order="stroke"'
NAME = 'fill="#fff" text-anchor="middle" font-weight="bold"'
ALIVE, OVER = "#2b6cb0", "#555"

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {top} {width} {height}" role="img"
     font-family="sans-serif" font-size="13">
<title>The statuses of a row and the arrows between them</title>
<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"
        orient="auto"><path d="M0 0 10 5 0 10z" fill="#777"/></marker>
<rect y="{top}" width="{width}" height="{height}" rx="10" fill="#fff"/>
"""


def picture(arrows, ended) -> str:
    """Return the text of the SVG file."""
    from boogie.apps.tasks.lifecycle import diagram

    moves = [arrow for arrow in arrows if arrow.sources]
    height = diagram.HEIGHT - diagram.TOP
    parts = [HEAD.format(top=diagram.TOP, width=diagram.WIDTH, height=height)]
    parts += [_edge(edge) for edge in diagram.edges(moves)]
    parts += [_box(box, OVER if box.status in ended else ALIVE) for box in diagram.boxes()]
    return "".join([*parts, "</svg>\n"])


def _edge(edge) -> str:
    name = escape(edge.name)
    return (
        f'<path {EDGE} data-arrow="{name}" data-source="{edge.source}" '
        f'data-target="{edge.target}" d="{edge.path}"/>\n'
        f'<text {LABEL} x="{edge.x:.0f}" y="{edge.y:.0f}">{name}</text>\n'
    )


def _box(box, colour) -> str:
    return (
        f'<rect data-status="{box.status}" fill="{colour}" x="{box.left:g}" y="{box.top:g}" '
        f'width="{box.width}" height="{box.height}" rx="8"/>\n'
        f'<text {NAME} x="{box.x:g}" y="{box.y + 5:g}">{box.status}</text>\n'
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from boogie.apps.tasks.lifecycle import states

    PICTURE.write_text(picture(states.ARROWS, states.ENDED))
