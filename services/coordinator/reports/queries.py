"""Reads a report's figures: a handful of aggregate queries, whatever the run's size."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, Integer, Text, and_, any_, case, cast, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.coordinator.models import Checkpoint, Corpus, Day, Evaluation, Group, Headline, Rollout, Run, Step
from services.coordinator.reports.figures import DayFigures, Failure, Flag, Report, RunFacts, Seconds, make_report
from services.coordinator.repository.runs import find_run


def read_report(session: Session, name: str) -> Report:
    """The report of a run, all of one moment; raises NotFoundError. To be called first in its transaction."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    run = find_run(session, name)
    corpus = session.get(Corpus, run.corpus_id) if run.corpus_id is not None else None
    facts = RunFacts(
        run=run.name,
        kind=run.kind,
        state=run.state,
        reason=run.reason,
        corpus=corpus.name if corpus else None,
        timezone=corpus.timezone if corpus else None,
        config=run.config,
        config_hash=run.config_hash,
        created_at=run.created_at.astimezone(dt.UTC),
        finished_at=run.finished_at.astimezone(dt.UTC) if run.finished_at else None,
    )
    return make_report(facts, day_figures(session, run), run.warnings, _flags(session, run), _failures(session, run))


@dataclass
class _Sources:
    policies: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)


def day_figures(session: Session, run: Run) -> list[DayFigures]:
    """The run's days in order of date."""
    scores, sources, work = _scores(session, run), _sources(session, run), _work(session, run)
    query = select(Day, Checkpoint).outerjoin(Checkpoint, Checkpoint.day_id == Day.id)
    rows = session.execute(query.where(Day.run_id == run.id).order_by(Day.date))
    return [
        _day(run, day, checkpoint, scores.get(day.id, {}), sources[day.id], work.get(day.id, {}))
        for day, checkpoint in rows
    ]


def _day(
    run: Run,
    day: Day,
    checkpoint: Checkpoint | None,
    scores: dict[str, Any],
    sources: _Sources,
    work: dict[str, tuple[float | None, int]],
) -> DayFigures:
    figures = dict(scores)
    groups = figures.pop("groups", 0)
    figures |= {"look_ahead": None} if run.kind == "import" else {}
    return DayFigures(
        date=day.date,
        state=day.state,
        headlines=groups if day.state == "skipped" else len(day.headline_ids) or groups,
        sampler="+".join(sorted(sources.profiles)) or day.profile,
        checkpoint=checkpoint.id if checkpoint else None,
        training=checkpoint.stats if checkpoint else None,
        seconds=Seconds(**{kind: seconds for kind, (seconds, _) in work.items()}),
        tokens=sum(tokens for _, tokens in work.values()),
        policies=dict(sources.policies),
        final_sources=dict(sources.rungs),
        left_out=dict(Counter(day.left_out.values())),
        outcome_date=day.outcome_date,
        reason=day.reason,
        **figures,
    )


def _share(flag: InstrumentedAttribute[bool]) -> ColumnElement[float]:
    return func.avg(cast(cast(flag, Integer), Float))


def _scores(session: Session, run: Run) -> dict[int, dict[str, Any]]:
    query = (
        select(
            Group.day_id,
            func.count(Group.id.distinct()).label("groups"),
            func.count(Rollout.id).label("rollouts"),
            _share(Rollout.raw_strict).label("raw_validity"),
            func.count(Evaluation.rollout_id).label("evaluations"),
            func.avg(Evaluation.validity).label("final_validity"),
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


def _sources(session: Session, run: Run) -> dict[int, _Sources]:
    columns = (Group.day_id, Rollout.policy, Rollout.rung, Rollout.profile)
    query = select(*columns, func.count()).join(Group, Group.id == Rollout.group_id).join(Day, Day.id == Group.day_id)
    found: dict[int, _Sources] = defaultdict(_Sources)
    rows = session.execute(query.where(Day.run_id == run.id).group_by(*columns).order_by(*columns))
    for day_id, policy, rung, profile, count in rows:
        found[day_id].policies[policy] += count
        found[day_id].rungs[rung] += count
        found[day_id].profiles[profile] += count
    return found


def _work(session: Session, run: Run) -> dict[int, dict[str, tuple[float | None, int]]]:
    # Only generate steps count sampled tokens; a train step's are those it learned from.
    tokens = case((Step.kind == "generate", cast(Step.figures["tokens"].astext, BigInteger)), else_=0)
    query = (
        select(Step.day_id, Step.kind, func.sum(Step.seconds), cast(func.coalesce(func.sum(tokens), 0), BigInteger))
        .join(Day, Day.id == Step.day_id)
        .where(Day.run_id == run.id, Step.state == "done")
        .group_by(Step.day_id, Step.kind)
    )
    found: dict[int, dict[str, tuple[float | None, int]]] = defaultdict(dict)
    for day_id, kind, seconds, count in session.execute(query):
        found[day_id][kind] = (seconds, count)
    return found


def _flags(session: Session, run: Run) -> list[Flag]:
    """The headlines of the run's days that were left out, and the flagged ones that were used."""
    key = cast(Headline.id, Text)
    used = cast(Headline.id, Integer) == any_(Day.headline_ids)
    left_out = Day.left_out.has_key(key)
    query = (
        select(
            Day.date,
            Headline.text,
            Headline.published_at,
            func.coalesce(Day.left_out[key].astext, Headline.flag),
            used,
        )
        .join(Headline, and_(Headline.corpus_id == run.corpus_id, Headline.date == Day.date))
        .where(Day.run_id == run.id, or_(left_out, and_(Headline.flag.is_not(None), used)))
        .order_by(Day.date, Headline.position)
    )
    return [
        Flag(date, text, published_at.astimezone(dt.UTC), reason, is_used)
        for date, text, published_at, reason, is_used in session.execute(query)
    ]


def _failures(session: Session, run: Run) -> list[Failure]:
    """Failed steps; days that failed without one; the run, if it failed without either."""
    query = select(Day.date, Step.kind, Step.chunk, Step.attempt, Step.error).join(Step, Step.day_id == Day.id)
    rows = session.execute(query.where(Day.run_id == run.id, Step.state == "failed").order_by(Day.date, Step.id))
    steps = [Failure(*row[:4], reason=row.error or "no reason was given") for row in rows]
    failed = select(Day.date, Day.reason).where(Day.run_id == run.id, Day.state == "failed").order_by(Day.date)
    said = {failure.date for failure in steps}
    days = [
        Failure(row.date, None, None, None, row.reason or "no reason was given")
        for row in session.execute(failed)
        if row.date not in said
    ]
    if not steps and not days and run.state == "failed":
        return [Failure(None, None, None, None, run.reason or "no reason was given")]
    return sorted([*steps, *days], key=lambda failure: str(failure.date))
