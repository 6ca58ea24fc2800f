"""Renderers of a report: JSON, CSV and Markdown. Pure. Headlines, errors and names of sources are untrusted text."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import fields

from pydantic import TypeAdapter

from services.coordinator.reports.figures.day import DayReport, Seconds
from services.coordinator.reports.figures.lines import Decoding, Signs, ValidLines
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.render.markdown import as_markdown
from shared.text.sanitize import guarded
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
"""The first columns of the CSV, fields of a day; those of training and seconds follow, then LATER."""
# New columns are appended: readers of the CSV may count on the places of the old ones.
LATER = ("delivered", "abstained", "form_score", "profile", "bonus", "learning_rate", "objective")
NESTED: Mapping[str, type] = {"decoding": Decoding, "signs": Signs, "valid_lines": ValidLines}
RUNGS = ("free", "repair", "guided", "best_of_n", "recorded")
STAGES = tuple(stage.name for stage in fields(Seconds))


def as_json(report: Report) -> str:
    """All figures, unrounded; a missing one is null."""
    return _reports.dump_json(report, indent=1).decode()


def as_csv(report: Report) -> str:
    """One row per day; a missing figure is an empty cell.

    Cells that a spreadsheet would evaluate as a formula get an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = _columns()
    writer.writerow(columns)
    writer.writerows([_cell(read(day)) for read in columns.values()] for day in report.days)
    return out.getvalue()


Column = Callable[[DayReport], object]


def _columns() -> dict[str, Column]:
    columns: dict[str, Column] = {name: _field(name) for name in PLAIN}
    # From the wire message, so that a new statistic is a column without a change here.
    columns |= {f"training_{name}": _trained(name) for name in TrainStats.model_fields}
    columns |= {f"seconds_{stage}": _field("seconds", stage) for stage in STAGES}
    columns |= {name: _field(name) for name in LATER}
    columns |= {f"rung_{rung}": _rung(rung) for rung in RUNGS}
    return columns | {
        f"{name}_{inner.name}": _field(name, inner.name) for name, kind in NESTED.items() for inner in fields(kind)
    }


def _field(name: str, inner: str | None = None) -> Column:
    return lambda day: getattr(getattr(day, name), inner) if inner else getattr(day, name)


def _trained(name: str) -> Column:
    return lambda day: (day.training or {}).get(name)


def _rung(name: str) -> Column:
    return lambda day: day.final_sources.get(name, 0)


def _cell(value: object) -> object:
    return "" if value is None else guarded(value) if isinstance(value, str) else value


RENDERERS: dict[str, tuple[str, Callable[[Report], str]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "md": ("text/markdown; charset=utf-8", as_markdown),
}
"""Media type and renderer by format; a new format is a new entry."""
