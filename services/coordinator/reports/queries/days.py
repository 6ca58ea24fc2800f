"""Aggregates over a run's days, computed by the database: four queries, whatever the run's size."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, Integer, case, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Rollout, Run, Step
from services.coordinator.reports.figures.ranker import over_steps


@dataclass
class Sources:
    """Numbers of a day's rollouts by policy, by rung and by profile."""

    policies: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)


Work = dict[str, tuple[float | None, int]]
"""Seconds and sampled tokens by kind of step."""


def _share(flag: InstrumentedAttribute[bool]) -> ColumnElement[float]:
    # Postgres averages no booleans, and casts them to integers only.
    return func.avg(cast(cast(flag, Integer), Float))


def scores_by_day(session: Session, run: Run) -> dict[int, dict[str, Any]]:
    """Counts and mean scores by id of the day."""
    query = (
        select(
            Group.day_id,
            # Distinct, since the join with rollouts repeats each group.
            func.count(Group.id.distinct()).label("groups"),
            func.count(Rollout.id).label("rollouts"),
            _share(Rollout.raw_strict).label("raw_validity"),
            func.count(Evaluation.rollout_id).label("evaluations"),
            func.avg(Evaluation.composite).label("composite"),
            func.avg(Evaluation.trade_thinking).label("trade_thinking"),
            _share(Evaluation.leak).label("leak"),
            func.avg(Evaluation.outcome_score).label("outcome_score"),
            func.avg(Evaluation.normalized_score).label("normalized_score"),
            func.avg(Evaluation.reward).label("reward"),
            # The base has no checkpoint row, so the comparison is null and its rollouts are not counted.
            func.count().filter(Checkpoint.trained_until > Group.published_at).label("look_ahead"),
        )
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .outerjoin(Checkpoint, Checkpoint.id == Rollout.policy)
        .join(Day, Day.id == Group.day_id)
        .where(Day.run_id == run.id)
        .group_by(Group.day_id)
    )
    by_day: dict[int, dict[str, Any]] = {}
    for row in session.execute(query).mappings():
        figures = dict(row)
        by_day[figures.pop("day_id")] = figures
    return by_day


def sources_by_day(session: Session, run: Run) -> dict[int, Sources]:
    """Rollouts by policy, rung and profile, by id of the day."""
    columns = (Group.day_id, Rollout.policy, Rollout.rung, Rollout.profile)
    query = select(*columns, func.count()).join(Group, Group.id == Rollout.group_id).join(Day, Day.id == Group.day_id)
    by_day: dict[int, Sources] = defaultdict(Sources)
    rows = session.execute(query.where(Day.run_id == run.id).group_by(*columns).order_by(*columns))
    for day_id, policy, rung, profile, count in rows:
        by_day[day_id].policies[policy] += count
        by_day[day_id].rungs[rung] += count
        by_day[day_id].profiles[profile] += count
    return by_day


def work_by_day(session: Session, run: Run) -> dict[int, Work]:
    """Seconds and sampled tokens of the done steps, by id of the day."""
    # Only generate steps sample: the tokens of a train step are those that it learned from.
    tokens = case((Step.kind == "generate", cast(Step.figures["tokens"].astext, BigInteger)), else_=0)
    query = (
        select(Step.day_id, Step.kind, func.sum(Step.seconds), cast(func.coalesce(func.sum(tokens), 0), BigInteger))
        .join(Day, Day.id == Step.day_id)
        .where(Day.run_id == run.id, Step.state == "done")
        .group_by(Step.day_id, Step.kind)
    )
    by_day: dict[int, Work] = defaultdict(dict)
    for day_id, kind, seconds, count in session.execute(query):
        by_day[day_id][kind] = (seconds, count)
    return by_day


def ranker_figures(session: Session, run: Run) -> dict[str, float]:
    """The statistics that the ranker reported, over the chain's evaluate steps."""
    query = (
        select(Step.figures["figures"])
        .join(Day, Day.id == Step.day_id)
        .where(Day.run_id == run.id, Day.role == "chain", Step.kind == "evaluate", Step.state == "done")
    )
    return over_steps([figures for figures in session.scalars(query.order_by(Step.id)) if figures])
