"""A run's trends as one SVG: a chart of the main days, and one of its checkpoints on the panel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.cli.output.svg import Chart, Point, Series, drawing

Json = Mapping[str, Any]
# Okabe and Ito's palette: distinct for colour-blind readers too.
_COLOURS = {
    "raw validity": "#0072b2",
    "final validity": "#56b4e9",
    "composite": "#d55e00",
    "trade-thinking": "#009e73",
    "grounding": "#000000",
    "restated headlines": "#cc79a7",
    "duplicates": "#e69f00",
}
_DAYS = {
    "raw validity": ("raw_validity",),
    "final validity": ("final_validity",),
    "composite": ("composite",),
    "trade-thinking": ("trade_thinking",),
    "grounding": ("valid_lines", "grounding"),
    "duplicates": ("signs", "duplicate"),
}
_PANEL = {
    "raw validity": ("raw_validity",),
    "composite": ("valid_lines", "composite"),
    "trade-thinking": ("valid_lines", "trade_thinking"),
    "grounding": ("valid_lines", "grounding"),
    "restated headlines": ("valid_lines", "restated"),
    "duplicates": ("valid_lines", "duplicates"),
}
_BAD = frozenset({"restated headlines", "duplicates"})
"""Figures for which lower is better; their lines are dashed."""


def trends(report: Json) -> str:
    """The SVG of a report in JSON; the panel's chart is left out if the run has no panel."""
    days = [day for day in report["days"] if day["state"] != "skipped"]
    charts = [
        Chart("Days", "day, as month-day", [_day(day["date"]) for day in days], _lines(_DAYS, list(enumerate(days))))
    ]
    if report["panel"]:
        scored = [(policy["updates"], policy) for policy in report["panel"]]
        # One label per update, also for checkpoints that are not scored on the panel.
        labels = [str(updates) for updates in range(max(updates for updates, _ in scored) + 1)]
        name = "updates of the policy; 0 is the base model"
        charts.append(Chart("Panel (all but raw validity among valid lines)", name, labels, _lines(_PANEL, scored)))
    return drawing(f"Run {report['run']}", "shares and mean scores, 0 to 1", charts)


def _day(date: str) -> str:
    return date[5:]


def _lines(figures: Mapping[str, Sequence[str]], rows: Sequence[tuple[int, Json]]) -> list[Series]:
    lines = [Series(name, _COLOURS[name], list(_points(path, rows)), name in _BAD) for name, path in figures.items()]
    return [line for line in lines if line.points]


def _points(path: Sequence[str], rows: Sequence[tuple[int, Json]]) -> Iterator[Point]:
    for x, row in rows:
        value: Any = row
        for name in path:
            value = value[name]
        if value is not None:
            yield x, value
