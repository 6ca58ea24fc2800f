"""A run's rollouts in one pass, day by day, for figures that the database cannot aggregate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Evaluation, Group, Rollout, Run
from services.coordinator.reports.figures.lines import Line, Score

ROWS_PER_FETCH = 5000
"""Rows per fetch: the texts of a whole run would not fit into memory."""
_ROLLOUT = (
    Day.id.label("day"),
    Group.id.label("group"),
    Group.headline_id,
    Rollout.index.label("place"),
    Rollout.arm,
    Rollout.profile,
    Rollout.raw_strict,
    Rollout.text,
    Rollout.attempts,
    Rollout.sampled_tokens,
    func.cardinality(Rollout.token_ids).label("tokens"),
)
_EVALUATION = (
    Evaluation.rollout_id,
    Evaluation.verdict,
    Evaluation.valid,
    Evaluation.composite,
    Evaluation.trade_thinking,
    Evaluation.leak,
    Evaluation.rank,
    Evaluation.form_score,
    Evaluation.signs,
    Evaluation.settlement,
    Evaluation.grounding,
)


def lines_by_day(session: Session, run: Run) -> Iterator[tuple[int, list[Line]]]:
    """The rollouts of each day of a run, whatever its role, with the day's id; one day in memory at a time."""
    query = (
        select(*_ROLLOUT, *_EVALUATION)
        .join(Group, Group.day_id == Day.id)
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .where(Day.run_id == run.id)
        .order_by(Day.date, Day.id, Group.position, Rollout.index)
    )
    # groupby needs the rows of a day in succession, which the order above guarantees.
    rows = session.execute(query.execution_options(yield_per=ROWS_PER_FETCH))
    for day, of_day in groupby(rows, key=lambda row: row.day):
        yield day, [_line(row) for row in of_day]


def _line(row: Row[Any]) -> Line:
    return Line(
        group=row.group,
        headline=row.headline_id,
        index=row.place,
        arm=row.arm,
        profile=row.profile,
        raw_strict=row.raw_strict,
        text=row.text,
        attempts=row.attempts,
        sampled_tokens=row.sampled_tokens,
        tokens=row.tokens,
        score=_score(row) if row.rollout_id is not None else None,
    )


def _score(row: Row[Any]) -> Score:
    return Score(
        verdict=row.verdict,
        valid=row.valid,
        composite=row.composite,
        trade_thinking=row.trade_thinking,
        leak=row.leak,
        rank=row.rank,
        form_score=row.form_score,
        signs=row.signs,
        settlement=row.settlement,
        grounding=row.grounding,
    )
