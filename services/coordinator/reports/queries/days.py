"""Reads what the database can aggregate of a run's days: a handful of queries, whatever the run's size."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, Integer, case, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Rollout, Run, Step
from services.coordinator.stats.means import mean_or_none


@dataclass
class Sources:
    """How many of a day's rollouts come from each policy, rung and profile."""

    policies: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)


COMPARISONS = "comparisons"
MEANS = frozenset({"first_option"})
"""What a ranker says of itself that is a mean; the rest are counts."""
Work = dict[str, tuple[float | None, int]]
"""Seconds and sampled tokens by kind of step."""


def _share(flag: InstrumentedAttribute[bool]) -> ColumnElement[float]:
    return func.avg(cast(cast(flag, Integer), Float))


def scores_by_day(session: Session, run: Run) -> dict[int, dict[str, Any]]:
    """Counts and mean scores by id of the day."""
    query = (
        select(
            Group.day_id,
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
            func.count().filter(Checkpoint.trained_until > Group.published_at).label("look_ahead"),
        )
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .outerjoin(Checkpoint, Checkpoint.id == Rollout.policy)
        .join(Day, Day.id == Group.day_id)
        .where(Day.run_id == run.id)
        .group_by(Group.day_id)
    )
    found: dict[int, dict[str, Any]] = {}
    for row in session.execute(query).mappings():
        figures = dict(row)
        found[figures.pop("day_id")] = figures
    return found


def sources_by_day(session: Session, run: Run) -> dict[int, Sources]:
    """Where the rollouts come from, by id of the day."""
    columns = (Group.day_id, Rollout.policy, Rollout.rung, Rollout.profile)
    query = select(*columns, func.count()).join(Group, Group.id == Rollout.group_id).join(Day, Day.id == Group.day_id)
    found: dict[int, Sources] = defaultdict(Sources)
    rows = session.execute(query.where(Day.run_id == run.id).group_by(*columns).order_by(*columns))
    for day_id, policy, rung, profile, count in rows:
        found[day_id].policies[policy] += count
        found[day_id].rungs[rung] += count
        found[day_id].profiles[profile] += count
    return found


def work_by_day(session: Session, run: Run) -> dict[int, Work]:
    """What the steps that are done took, by id of the day."""
    # Only generate steps count sampled tokens; a train step's are those it learned from.
    tokens = case((Step.kind == "generate", cast(Step.figures["tokens"].astext, BigInteger)), else_=0)
    query = (
        select(Step.day_id, Step.kind, func.sum(Step.seconds), cast(func.coalesce(func.sum(tokens), 0), BigInteger))
        .join(Day, Day.id == Step.day_id)
        .where(Day.run_id == run.id, Step.state == "done")
        .group_by(Step.day_id, Step.kind)
    )
    found: dict[int, Work] = defaultdict(dict)
    for day_id, kind, seconds, count in session.execute(query):
        found[day_id][kind] = (seconds, count)
    return found


def ranker_figures(session: Session, run: Run) -> dict[str, float]:
    """What the ranker said of itself over the chain's evaluate steps: counts summed, means weighted by comparisons."""
    query = (
        select(Step.figures["figures"])
        .join(Day, Day.id == Step.day_id)
        .where(Day.run_id == run.id, Day.role == "chain", Step.kind == "evaluate", Step.state == "done")
    )
    steps = [figures for figures in session.scalars(query.order_by(Step.id)) if figures]
    return {name: _over_steps(name, steps) for name in dict.fromkeys(name for figures in steps for name in figures)}


def _over_steps(name: str, steps: Sequence[Mapping[str, float]]) -> float:
    known = [(figures[name], figures.get(COMPARISONS, 1.0)) for figures in steps if name in figures]
    if name not in MEANS:
        return sum(value for value, _ in known)
    return mean_or_none([value for value, _ in known], [weight for _, weight in known]) or 0.0
