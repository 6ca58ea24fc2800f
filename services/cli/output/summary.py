"""The main figures of a report as a table that fits a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from services.cli.output.console import table
from services.cli.output.format import coloured, day, span
from services.cli.output.markup import Markup

_COLUMNS = ("day", "state", "rollouts", "raw", "valid", "composite", "trade", "reward", "loss")
_SCORES = ("raw_validity", "final_validity", "composite", "trade_thinking", "reward")
_NUMBERS = frozenset({*_COLUMNS, "bonus", "panel"}) - {"day", "state"}
_VARYING = ("profile", "bonus")
"""Settings of a day that get a column if they differ between days."""


def _figure(value: float | None, places: int = 3) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def summary(report: Mapping[str, Any]) -> Table:
    """A report in JSON as a table: one row per day, and the mean over days; 80 columns wide, up to 110 with options.

    raw is raw validity, valid the share of delivered texts that are valid, trade is trade_thinking, and panel the raw
    validity on the panel of the day's checkpoint. All but the loss are in [0, 1] (the bonus may lift reward above 1).
    """
    days, panel = report["days"], _on_panel(report)
    varying = [name for name in _VARYING if len({d.get(name) for d in days if d.get("training")}) > 1]
    more = [*varying, *(["panel"] if panel else [])]
    rows = [
        (
            day(d["date"]),
            coloured(d["state"]),
            str(d["rollouts"]),
            *(_figure(d.get(name)) for name in _SCORES),
            _figure((d.get("training") or {}).get("loss"), 4),
            *(_setting(d.get(name)) for name in varying),
            *([_figure(panel.get(d.get("checkpoint")))] if panel else []),
        )
        for d in days
    ]
    mean = report["averages"]["by_day"]
    figures = (_figure(mean.get(name)) for name in _SCORES)
    rollouts = str(report["totals"]["rollouts"])
    rows.append((Markup("[bold]mean[/]"), "by day", rollouts, *figures, *[""] * (1 + len(more))))
    return table([*_COLUMNS, *more], rows, numbers=_NUMBERS)


def _on_panel(report: Mapping[str, Any]) -> dict[str | None, float]:
    """Raw validity on the panel by policy."""
    scored = report.get("panel") or []
    return {policy["policy"]: policy["raw_validity"] for policy in scored if policy["raw_validity"] is not None}


def _setting(value: object) -> str:
    return _figure(value) if isinstance(value, float) else str(value or "–")


def costs(report: Mapping[str, Any]) -> str:
    """Duration of the work by step kind, as text."""
    return ", ".join(f"{kind} {span(seconds)}" for kind, seconds in report["totals"]["seconds"].items())
