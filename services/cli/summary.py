"""A report in a terminal's width: the figures one looks at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from services.cli.console import table
from services.cli.words import coloured, day, span

_COLUMNS = ("day", "state", "rollouts", "valid", "composite", "trade", "reward", "loss")
_NUMBERS = frozenset(_COLUMNS) - {"day", "state"}


def _figure(value: float | None, places: int = 3) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def summary(report: Mapping[str, Any]) -> Table:
    """One row per day of a report in JSON, and the mean by day; within 80 columns.

    valid is the share of valid final texts, trade is trade_thinking; all but the loss are in [0, 1] (reward may exceed
    it by the bonus).
    """
    rows = []
    for d in report["days"]:
        training = d.get("training") or {}
        figures = (_figure(d[name]) for name in ("final_validity", "composite", "trade_thinking", "reward"))
        rows.append(
            (
                day(d["date"]),
                coloured(d["state"]),
                str(d["rollouts"]),
                *figures,
                _figure(training.get("loss"), 4),
            )
        )
    mean = report["averages"]["by_day"]
    figures = (_figure(mean[name]) for name in ("final_validity", "composite", "trade_thinking", "reward"))
    rows.append(("[bold]mean[/]", "by day", str(report["totals"]["rollouts"]), *figures, ""))
    return table(_COLUMNS, rows, numbers=_NUMBERS)


def costs(report: Mapping[str, Any]) -> str:
    """Seconds of work by kind, in words."""
    return ", ".join(f"{kind} {span(seconds)}" for kind, seconds in report["totals"]["seconds"].items())
