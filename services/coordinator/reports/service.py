"""Reads a report: aggregates by day, the rollouts in one pass, and the notices."""

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
from services.coordinator.reports.figures.day import DayReport, Seconds
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
class _RolloutAggregates:
    """The result of the pass over the rollouts: figures and arms by day, the chain's lines and each panel day's."""

    figures: dict[int, LineFigures] = field(default_factory=lambda: defaultdict(LineFigures))
    arms: dict[int, Arms | None] = field(default_factory=dict)
    chain: list[Line] = field(default_factory=list)
    panel: dict[int, list[Line]] = field(default_factory=lambda: defaultdict(list))


def read_report(session: Session, name: str) -> Report:
    """The report of a run, from one snapshot; must be the first read of its transaction.

    Raises NotFoundError if there is no such run.
    """
    # One snapshot for all queries: totals and days must agree while workers commit results.
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    run = find_run(session, name)
    query = select(Day, Checkpoint).outerjoin(Checkpoint, Checkpoint.day_id == Day.id).where(Day.run_id == run.id)
    rows: Days = [(day, checkpoint) for day, checkpoint in session.execute(query.order_by(Day.date, Day.id))]
    aggregates = _aggregate(session, run, rows)
    days = _day_reports(session, run, rows, aggregates)
    panel, gain = _panel(rows, aggregates)
    whole = RunFigures(
        position_bias=position_bias(aggregates.chain),
        ranker=ranker_figures(session, run),
        reliability=reliability(aggregates.chain) if run.config.prices is not None else None,
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


def _aggregate(session: Session, run: Run, rows: Days) -> _RolloutAggregates:
    days = {day.id: day for day, _ in rows}
    aggregates = _RolloutAggregates()
    for day_id, lines in lines_by_day(session, run):
        day = days[day_id]
        if day.role == "panel":
            aggregates.panel[day_id] = lines
            continue
        aggregates.figures[day_id] = line_figures(lines)
        aggregates.arms[day_id] = arms_of(lines, day.profile)
        if day.role == "chain":
            # Only ranks and settlements are needed from here on; the texts of a whole run would fill the memory.
            aggregates.chain += [replace(line, text="") for line in lines]
    return aggregates


def _day_reports(session: Session, run: Run, rows: Days, aggregates: _RolloutAggregates) -> list[DayReport]:
    scores, sources, work = scores_by_day(session, run), sources_by_day(session, run), work_by_day(session, run)
    return [
        _day(run, day, checkpoint, scores.get(day.id, {}), sources[day.id], work[day.id], aggregates)
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
    aggregates: _RolloutAggregates,
) -> DayReport:
    figures = dict(scores)
    groups = figures.pop("groups", 0)
    # Unknown of an import: its files do not say what its policies had learned from.
    figures |= {"look_ahead": None} if run.kind == "import" else {}
    return DayReport(
        date=day.date,
        state=day.state,
        # An import's days have groups, but no headlines of a corpus.
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
        arms=aggregates.arms.get(day.id),
        **vars(aggregates.figures[day.id]),
        **figures,
    )


def _panel(rows: Days, aggregates: _RolloutAggregates) -> tuple[list[PanelFigures], PanelGain | None]:
    """The panel's table, and the gain of its last scored policy over the base."""
    by_id = {day.id: (day, checkpoint) for day, checkpoint in rows}
    days = [day for day, _ in rows if day.role == "panel"]
    warm = any(day.role == "warm_start" for day, _ in rows)
    table = []
    for day in days:
        trained, checkpoint = by_id[day.policy_day_id] if day.policy_day_id is not None else (None, None)
        policy = BASE_POLICY if trained is None else checkpoint.id if checkpoint else None
        # Positions count from 0, and a warm start, at position −1, is an update of its own.
        updates = (trained.position or 0) + 1 + warm if trained else 0
        table.append(panel_figures(day.date, policy, day.state, updates, aggregates.panel[day.id]))
    scored = [(day, figures) for day, figures in zip(days, table, strict=True) if day.state == "scored"]
    base = next((day for day, _ in scored if day.policy_day_id is None), None)
    last = next(((day, figures) for day, figures in reversed(scored) if day.policy_day_id is not None), None)
    if base is None or last is None:
        return table, None
    return table, panel_gain(last[1].policy, aggregates.panel[base.id], aggregates.panel[last[0].id])
