"""Line charts as SVG, side by side, each above its legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 250
"""Of a chart's plotting area, in pixels."""
LEFT, RIGHT, TOP, BELOW = 56, 24, 84, 66
"""Margins around it; `BELOW` holds the ticks and the name of the x axis."""
ROW, LETTER = 20, 6.6
"""Height of a legend's row, and the mean width of a letter."""
TICKS = 10
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A named line through points of (x, y), y in [0, 1]."""

    name: str
    colour: str
    points: Sequence[Point]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over one x axis; `labels` are its tick labels at x = 0, 1, …"""

    title: str
    x_name: str
    labels: Sequence[str]
    lines: Sequence[Series]


def drawing(title: str, y_name: str, charts: Sequence[Chart]) -> str:
    """The SVG of charts side by side under a title; `y_name` names the common y axis."""
    rows = 1 + max((row for chart in charts for _, _, row in _legend(chart.lines)), default=0)
    width, height = len(charts) * (LEFT + WIDTH + RIGHT), TOP + HEIGHT + BELOW + ROW * rows
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#333">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        _text(LEFT, 26, title, size=16, weight="bold"),
        _text(LEFT, 44, y_name, colour="#666"),
    ]
    for number, chart in enumerate(charts):
        parts += [f'<g transform="translate({number * (LEFT + WIDTH + RIGHT) + LEFT} {TOP})">', *_chart(chart), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, **style: object) -> str:
    size, weight = style.get("size", 12), style.get("weight", "normal")
    anchor, colour = style.get("anchor", "start"), style.get("colour", "#333")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _chart(chart: Chart) -> Iterator[str]:
    yield _text(0, -8, chart.title, weight="bold", size=13)
    for fifth in range(6):
        y = HEIGHT * (1 - fifth / 5)
        yield f'<line x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{"#333" if not fifth else "#e3e3e3"}"/>'
        yield _text(-8, y + 4, f"{fifth / 5:.1f}", anchor="end", colour="#666")
    # Rounded up: at most TICKS labels.
    step = -(-len(chart.labels) // TICKS) or 1
    for position in range(0, len(chart.labels), step):
        x = _x(position, chart)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT}" y2="{HEIGHT + 4}" stroke="#333"/>'
        yield _text(x, HEIGHT + 18, chart.labels[position], anchor="middle", colour="#666", size=11)
    yield _text(WIDTH / 2, HEIGHT + 38, chart.x_name, anchor="middle", colour="#666")
    if not any(line.points for line in chart.lines):
        yield _text(WIDTH / 2, HEIGHT / 2, "no figures yet", anchor="middle", colour="#666")
    for line in chart.lines:
        yield from _line(line, chart)
    for line, x, row in _legend(chart.lines):
        yield from _key(line, x, HEIGHT + BELOW + ROW * row)


def _x(position: float, chart: Chart) -> float:
    last = len(chart.labels) - 1
    # A single position is in the middle.
    return WIDTH * position / last if last > 0 else WIDTH / 2


def _dash(line: Series) -> str:
    return ' stroke-dasharray="6 4"' if line.dashed else ""


def _line(line: Series, chart: Chart) -> Iterator[str]:
    pixels = [(_x(x, chart), HEIGHT * (1 - y)) for x, y in line.points]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
    yield f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"{_dash(line)}/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.colour}"/>' for x, y in pixels)


def _legend(lines: Sequence[Series]) -> Iterator[tuple[Series, float, int]]:
    """Each line with the x and the row of its key: left to right, wrapped into rows."""
    x, row = 0.0, 0
    for line in lines:
        width = 34 + LETTER * len(line.name) + 14
        if x and x + width > WIDTH + RIGHT:
            x, row = 0.0, row + 1
        yield line, x, row
        x += width


def _key(line: Series, x: float, y: float) -> Iterator[str]:
    yield (
        f'<line x1="{x:.1f}" x2="{x + 26:.1f}" y1="{y - 4}" y2="{y - 4}" stroke="{line.colour}" stroke-width="2"'
        f"{_dash(line)}/>"
    )
    yield _text(x + 32, y, line.name)
