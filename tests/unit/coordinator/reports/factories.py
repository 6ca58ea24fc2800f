"""Rollouts, days and runs for the tests of reports."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.coordinator.reports.figures.day import DayReport
from services.coordinator.reports.figures.lines import Line, Score
from services.coordinator.reports.figures.report import RunFacts

FACTS = RunFacts(
    run="RUN",
    kind="backfill",
    state="completed",
    reason=None,
    corpus="sample",
    timezone="UTC",
    config={"lag": 1, "dates": "enforce"},
    config_hash="0" * 64,
    created_at=dt.datetime(2025, 9, 1, tzinfo=dt.UTC),
    finished_at=None,
)


def day(number: int, **figures: Any) -> DayReport:
    """A published day of August 2025."""
    values: dict[str, Any] = {"date": dt.date(2025, 8, number), "state": "published"}
    return DayReport(**values | figures)


def score(**overrides: Any) -> Score:
    """The score of a valid line."""
    values: dict[str, Any] = {
        "verdict": "strict",
        "valid": True,
        "composite": 0.5,
        "trade_thinking": 0.4,
        "leak": False,
        "rank": 1.0,
        "form_score": 1.0,
    }
    return Score(**values | overrides)


def line(group: int = 1, index: int = 0, **overrides: Any) -> Line:
    """A valid line of the ladder arm; overrides that are no field of Line are fields of its score."""
    of_line = {name: overrides.pop(name) for name in list(overrides) if name in Line.__dataclass_fields__}
    values: dict[str, Any] = {
        "group": group,
        "headline": 100 + group,
        "index": index,
        "arm": "ladder",
        "profile": "tight",
        "raw_strict": False,
        "text": f"line {index} of {group}",
        "score": score(**overrides),
    }
    return Line(**values | of_line)
