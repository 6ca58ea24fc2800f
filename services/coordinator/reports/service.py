"""Reads a report: aggregates by day, the rollouts in one pass, and what is told beside the figures."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.models import Checkpoint, Corpus, Day, Run
from services.coordinator.reports.figures.arms import Arms, arms_of
from services.coordinator.reports.figures.day import DayFigures, Seconds
from services.coordinator.reports.figures.lines import Line, LineFigures, line_figures
from services.coordinator.reports.figures.panel import PanelFigures, PanelGain, panel_figures, panel_gain
from services.coordinator.reports.figures.position_bias import position_bias
from services.coordinator.reports.figures.reliability import reliability
from services.coordinator.reports.figures.report import Report, RunFacts, RunFigures, make_report
from services.coordinator.reports.queries.days import (
    Sources,
    Work,
    ranker_figures,
    scores_by_day,
    sources_by_day,
    work_by_day,
)
from services.coordinator.reports.queries.lines import lines_by_day
from services.coordinator.reports.queries.notices import failures_of, flags_of
from services.coordinator.reports.queries.serving import read_serving
from services.coordinator.runs.queries import find_run
from shared.wire import BASE_POLICY

Days = Sequence[tuple[Day, Checkpoint | None]]


@dataclass
class _Told:
    """What the pass over the rollouts leaves: figures and arms by day, the chain's lines and each panel day's."""

    figures: dict[int, LineFigures] = field(default_factory=lambda: defaultdict(LineFigures))
    arms: dict[int, Arms | None] = field(default_factory=dict)
    chain: list[Line] = field(default_factory=list)
    panel: dict[int, list[Line]] = field(default_factory=lambda: defaultdict(list))


def read_report(session: Session, name: str) -> Report:
    """The report of a run, all of one moment; raises NotFoundError. To be called first in its transaction."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    run = find_run(session, name)
    query = select(Day, Checkpoint).outerjoin(Checkpoint, Checkpoint.day_id == Day.id).where(Day.run_id == run.id)
    rows: Days = [(day, checkpoint) for day, checkpoint in session.execute(query.order_by(Day.date, Day.id))]
    told = _told(session, run, rows)
    days = _day_figures(session, run, rows, told)
    panel, gain = _panel(rows, told)
    whole = RunFigures(
        position_bias=position_bias(told.chain),
        ranker=ranker_figures(session, run),
        reliability=reliability(told.chain) if run.config.prices is not None else None,
        panel=panel,
        panel_gain=gain,
        warm_start=next((day for day in days if day.role == "warm_start"), None),
        serving=read_serving(session, run),
    )
    chain = [day for day in days if day.role == "chain"]
    notices = (run.warnings, flags_of(session, run), failures_of(session, run))
    return make_report(_facts(session, run), chain, *notices, whole)


def _facts(session: Session, run: Run) -> RunFacts:
    corpus = session.get(Corpus, run.corpus_id) if run.corpus_id is not None else None
    return RunFacts(
        run=run.name,
        kind=run.kind,
        state=run.state,
        reason=run.reason,
        corpus=corpus.name if corpus else None,
        timezone=corpus.timezone if corpus else None,
        config=run.config.model_dump(mode="json"),
        config_hash=run.config_hash,
        created_at=run.created_at.astimezone(dt.UTC),
        finished_at=run.finished_at.astimezone(dt.UTC) if run.finished_at else None,
    )


def _told(session: Session, run: Run, rows: Days) -> _Told:
    days = {day.id: day for day, _ in rows}
    told = _Told()
    for day_id, lines in lines_by_day(session, run):
        day = days[day_id]
        if day.role == "panel":
            told.panel[day_id] = lines
            continue
        told.figures[day_id] = line_figures(lines)
        told.arms[day_id] = arms_of(lines, day.profile)
        if day.role == "chain":
            # The texts have said what they had to say: a run's worth of them would fill the memory.
            told.chain += [replace(line, text="") for line in lines]
    return told


def _day_figures(session: Session, run: Run, rows: Days, told: _Told) -> list[DayFigures]:
    scores, sources, work = scores_by_day(session, run), sources_by_day(session, run), work_by_day(session, run)
    return [
        _day(run, day, checkpoint, scores.get(day.id, {}), sources[day.id], work[day.id], told)
        for day, checkpoint in rows
        if day.role != "panel"
    ]


def _day(
    run: Run,
    day: Day,
    checkpoint: Checkpoint | None,
    scores: dict[str, Any],
    sources: Sources,
    work: Work,
    told: _Told,
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
        role=day.role,
        profile=day.profile,
        bonus=day.bonus,
        learning_rate=day.learning_rate,
        objective=checkpoint.stats.get("objective") if checkpoint else None,
        decisions=day.decisions,
        arms=told.arms.get(day.id),
        **vars(told.figures[day.id]),
        **figures,
    )


def _panel(rows: Days, told: _Told) -> tuple[list[PanelFigures], PanelGain | None]:
    """The panel's table, and what the last scored policy on it gained over the base."""
    by_id = {day.id: (day, checkpoint) for day, checkpoint in rows}
    days = [day for day, _ in rows if day.role == "panel"]
    warm = any(day.role == "warm_start" for day, _ in rows)
    table = []
    for day in days:
        trained, checkpoint = by_id[day.policy_day_id] if day.policy_day_id is not None else (None, None)
        policy = BASE_POLICY if trained is None else checkpoint.id if checkpoint else None
        updates = (trained.position or 0) + 1 + warm if trained else 0
        table.append(panel_figures(day.date, policy, day.state, updates, told.panel[day.id]))
    scored = [(day, figures) for day, figures in zip(days, table, strict=True) if day.state == "scored"]
    base = next((day for day, _ in scored if day.policy_day_id is None), None)
    last = next(((day, figures) for day, figures in reversed(scored) if day.policy_day_id is not None), None)
    if base is None or last is None:
        return table, None
    return table, panel_gain(last[1].policy, told.panel[base.id], told.panel[last[0].id])
