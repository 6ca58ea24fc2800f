"""A report as JSON, CSV or Markdown. Headlines, errors and names of sources are untrusted: they are never markup."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter

from services.coordinator.reports.figures import DayFigures, Report
from services.coordinator.reports.markdown import as_markdown
from shared.cells import guarded
from shared.wire import TrainStats

_reports = TypeAdapter(Report)
PLAIN = (
    "date",
    "state",
    "headlines",
    "rollouts",
    "sampler",
    "raw_validity",
    "final_validity",
    "composite",
    "trade_thinking",
    "leak",
    "outcome_score",
    "normalized_score",
    "reward",
    "evaluations",
    "checkpoint",
    "look_ahead",
    "tokens",
    "outcome_date",
    "reason",
)
"""Columns of the CSV that are fields of a day; those of training and seconds follow with their prefix."""
STAGES = ("generate", "evaluate", "train")


def as_json(report: Report) -> str:
    """All figures, unrounded; what is not there is null."""
    return _reports.dump_json(report, indent=1).decode()


def as_csv(report: Report) -> str:
    """One row per day; what is not there is empty. Cells that a spreadsheet would run stand behind an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    training = tuple(TrainStats.model_fields)
    writer.writerow([*PLAIN, *(f"training_{name}" for name in training), *(f"seconds_{stage}" for stage in STAGES)])
    writer.writerows(_cells(day, training) for day in report.days)
    return out.getvalue()


def _cells(day: DayFigures, training: Sequence[str]) -> list[object]:
    stats = day.training or {}
    values = [
        *(getattr(day, name) for name in PLAIN),
        *(stats.get(name) for name in training),
        *(getattr(day.seconds, stage) for stage in STAGES),
    ]
    return ["" if value is None else guarded(value) if isinstance(value, str) else value for value in values]


RENDERERS: dict[str, tuple[str, Callable[[Report], str]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "md": ("text/markdown; charset=utf-8", as_markdown),
}
"""Media type and renderer by format: another format is another entry."""
