"""Make a run, and stop, resume, cancel or retry one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from services.coordinator.corpora import day_counts, find_corpus
from services.coordinator.day import OPEN_DAYS
from services.coordinator.graph import stage_of_failed
from services.coordinator.models import Corpus, Day, Run
from services.coordinator.planning import Choice, DatedHeadline, PlannedDay, choose, plan, step_counts
from services.coordinator.repository.days import dated_headlines, day_views, days_on, find_day
from services.coordinator.repository.runs import database_now, locked_run, note
from services.coordinator.repository.steps import (
    announce,
    announce_due,
    cancel_open_steps,
    move_step,
    steps_of_day,
)
from services.coordinator.run_messages import BackfillRequest, PlannedDayView, PlanView
from services.coordinator.scheduler import advance, move_day, move_run
from shared.errors import ConflictError, InvalidInputError
from shared.forecast import format_named

Headlines = Mapping[dt.date, Sequence[DatedHeadline]]


@dataclass(frozen=True)
class Planned:
    """A run before it is stored: its days, and for each date the headlines it would use."""

    corpus: Corpus
    days: list[PlannedDay]
    choices: dict[dt.date, Choice]
    warnings: list[str]


def plan_backfill(session: Session, request: BackfillRequest) -> Planned:
    """Plan a run; raises an error that names the field at fault."""
    if request.config.ranker == "recorded":
        raise InvalidInputError("config.ranker: recorded is for imported runs; use semantic")
    format_named(request.config.format)
    if session.scalar(select(Run.id).where(Run.name == request.name)) is not None:
        raise _taken(request.name)
    corpus = find_corpus(session, request.corpus)
    days = plan(day_counts(session, corpus.id), request.first, request.last, request.config)
    headlines = dated_headlines(session, corpus.id, days[0].date, days[-1].date)
    choices = {day.date: choose(headlines.get(day.date, []), request.config) for day in days}
    return Planned(corpus, days, choices, _warnings(request, days, headlines))


def _taken(name: str) -> ConflictError:
    return ConflictError(f"name: there is a run {name!r} already; choose another name")


def _warnings(request: BackfillRequest, days: Sequence[PlannedDay], headlines: Headlines) -> list[str]:
    found = []
    if request.config.lag == 0 and request.config.train:
        found.append("lag is 0: each day is predicted by a policy that has learned from its headlines (look-ahead)")
    flagged = sum(h.flag is not None for day in headlines.values() for h in day)
    if flagged and request.config.dates == "warn":
        found.append(f"dates is warn: {flagged} headlines with false dates are used, so forecasts may look ahead")
    skipped = sum(day.reason is not None for day in days)
    return found + ([f"{skipped} of {len(days)} days are skipped"] if skipped else [])


def view_of_plan(request: BackfillRequest, planned: Planned) -> PlanView:
    """What the run would do, for a dry run."""
    run = [day for day in planned.days if not day.reason]
    return PlanView(
        config=request.config,
        config_hash=request.config.digest(),
        days=[
            PlannedDayView(
                date=day.date,
                outcome_date=day.outcome_date,
                headlines=day.headlines,
                left_out=planned.choices[day.date].counts,
                state="skipped" if day.reason else "pending",
                reason=day.reason,
                policy=day.policy,
            )
            for day in planned.days
        ],
        steps=dict(step_counts([day.headlines for day in run], request.config)),
        rollouts=sum(day.headlines for day in run) * request.config.rollouts,
        skipped=len(planned.days) - len(run),
        warnings=planned.warnings,
    )


def create_backfill(session: Session, request: BackfillRequest) -> Run:
    """Store a run with its days and begin it. From now on its corpus takes no more headlines."""
    find_corpus(session, request.corpus)
    session.execute(select(Corpus.id).where(Corpus.name == request.corpus).with_for_update())
    planned = plan_backfill(session, request)
    if all(day.reason for day in planned.days):
        first = planned.days[0]
        raise InvalidInputError(f"from, to: no day of the range can be run. {first.date}: {first.reason}")
    run = _insert_run(session, request, planned)
    planned.corpus.used_at = planned.corpus.used_at or database_now(session)
    _insert_days(session, run, request, planned)
    note(session, run, "run.created", f"run {run.name} over {len(planned.days)} days of corpus {request.corpus}")
    advance(session, run)
    return run


def _insert_run(session: Session, request: BackfillRequest, planned: Planned) -> Run:
    values = {
        "name": request.name,
        "corpus_id": planned.corpus.id,
        "config": request.config.model_dump(mode="json"),
        "config_hash": request.config.digest(),
        "state": "running",
        "warnings": planned.warnings,
    }
    statement = upsert(Run).values(values).on_conflict_do_nothing(index_elements=[Run.name]).returning(Run.id)
    if session.scalar(statement) is None:
        raise _taken(request.name)
    return locked_run(session, request.name)


def _insert_days(session: Session, run: Run, request: BackfillRequest, planned: Planned) -> None:
    rows = [
        {
            "run_id": run.id,
            "date": day.date,
            "outcome_date": day.outcome_date,
            "position": day.position,
            "headline_ids": planned.choices[day.date].ids,
            "left_out": planned.choices[day.date].left_out,
            "profile": request.config.profile,
            "state": "skipped" if day.reason else "pending",
            "reason": day.reason,
        }
        for day in planned.days
    ]
    ids = dict(session.execute(insert(Day).returning(Day.date, Day.id), rows).all())
    linked = [{"id": ids[day.date], "policy_day_id": ids[day.policy]} for day in planned.days if day.policy]
    if linked:
        session.execute(update(Day), linked)


def pause(session: Session, name: str) -> Run:
    """Grant nothing more; running steps finish. Pausing a paused run changes nothing."""
    run = locked_run(session, name)
    if run.state != "paused":
        move_run(session, run, "paused", f"run {name} is paused")
    return run


def resume(session: Session, name: str) -> Run:
    """Grant steps again. Resuming a running run changes nothing."""
    run = locked_run(session, name)
    if run.state == "paused":
        move_run(session, run, "running", f"run {name} goes on")
        announce_due(session, run.id)
        advance(session, run)
    elif run.state not in {"running", "failing"}:
        raise ConflictError(f"run {name} is {run.state} and cannot be resumed; a failed run is retried")
    return run


def cancel(session: Session, name: str) -> Run:
    """Cancel the run and every open day and step of it. Cancelling a cancelled run changes nothing."""
    run = locked_run(session, name)
    if run.state == "cancelled":
        return run
    move_run(session, run, "cancelled", f"run {name} is cancelled")
    steps = cancel_open_steps(session, run.id)
    days = update(Day).where(Day.run_id == run.id, Day.state.in_(OPEN_DAYS))
    session.execute(days.values(state="cancelled", finished_at=func.now(), reason="the run was cancelled"))
    run.reason = f"cancelled by request; {steps} steps were open"
    return run


def retry(session: Session, name: str, date: dt.date | None) -> Run:
    """Queue the failed steps of a failed day, or of all, again; their attempts are counted anew."""
    run = locked_run(session, name)
    if run.state in {"cancelled", "completed"}:
        raise ConflictError(f"run {name} is {run.state}; nothing of it can be retried")
    if date is not None and (day := find_day(session, run, date)).state != "failed":
        raise ConflictError(f"date: day {date} of {name} is {day.state}; only failed days are retried")
    views = {v.date: v for v in day_views(session, run.id, 0) if v.state == "failed" and date in {None, v.date}}
    if not views:
        raise ConflictError(f"no day of {name} has failed")
    now = database_now(session)
    for when, day in sorted(days_on(session, run.id, views).items()):
        _queue_again(session, day, now)
        move_day(session, run, day, stage_of_failed(views[when]), now)
    if run.state in {"failing", "failed"}:
        move_run(session, run, "running", f"run {name} is retried: {len(views)} days")
    session.flush()
    advance(session, run)
    return run


def _queue_again(session: Session, day: Day, now: dt.datetime) -> None:
    steps = steps_of_day(session, day.id, "failed")
    for step in steps:
        move_step(step, "queued")
        step.forgiven, step.error, step.finished_at = step.attempt, None, None
        step.next_attempt_at = now
    announce(session, [(step.id, step.kind) for step in steps])
