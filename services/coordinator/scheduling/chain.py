"""Maintains the policy chain: selects a day's headlines as it begins, drops days without any, relinks later days."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from services.coordinator.corpora.queries import dated_headlines
from services.coordinator.models import Day, Headline, Run
from services.coordinator.runs.days import checkpoint_of, pending_chain_days
from services.coordinator.runs.transitions import transition_day
from services.coordinator.scheduling.rules.maturity import due_in, settled_by
from services.coordinator.scheduling.rules.planning import ChainDay, policy_dates, step_counts
from services.coordinator.scheduling.rules.selection import select_headlines
from shared.run_config import RunConfig


def update_selection(session: Session, run: Run, config: RunConfig, day: Day) -> bool:
    """Leave out the day's headlines that its policy may have learned from; true if any headline is left."""
    policy = checkpoint_of(session, day.policy_day_id)
    if day.role != "chain" or policy is None or policy.trained_until is None or run.corpus_id is None:
        return bool(day.headline_ids)
    headlines = dated_headlines(session, run.corpus_id, day.date, day.date)
    held_out = {int(headline_id) for headline_id, reason in day.left_out.items() if reason == "panel"}
    selection = select_headlines(headlines[day.date], config, policy.trained_until, held_out)
    fewer = len(selection.ids) < len(day.headline_ids)
    day.headline_ids, day.left_out = selection.ids, dict(selection.left_out)
    if fewer:
        store_planned_steps(session, run)
    return bool(selection.ids)


def store_planned_steps(session: Session, run: Run) -> None:
    """Count the steps that the run's days will have cost, those that are skipped excepted, and keep the numbers.

    To be called whenever a day is added, skipped, or loses headlines: progress reads these numbers and nothing else.
    """
    session.flush()
    days = select(Day.role, func.cardinality(Day.headline_ids)).where(Day.run_id == run.id, Day.state != "skipped")
    run.planned_steps = step_counts(((role, count) for role, count in session.execute(days)), run.config)


def drop_day(session: Session, run: Run, config: RunConfig, day: Day, now: dt.datetime) -> None:
    """Skip a day whose usable headlines all appeared before its policy's training data ended, and relink later days.

    The panel day of its checkpoint is skipped too; if the chain now ends earlier, its new last day is scored instead.
    """
    policy = checkpoint_of(session, day.policy_day_id)
    until = policy.trained_until if policy else None
    reason = f"every usable headline was published before {until}, which its policy has learned from; raise lag"
    day.position = day.policy_day_id = None
    transition_day(session, run, day, "skipped", now, reason)
    for scoring in session.scalars(select(Day).where(Day.role == "panel", Day.policy_day_id == day.id)):
        transition_day(session, run, scoring, "skipped", now, "the chain day of its checkpoint is skipped")
    session.flush()
    relink_policy_days(session, run, config)
    if config.panel and config.train:
        _score_last_day(session, run)
    store_planned_steps(session, run)


def relink_policy_days(session: Session, run: Run, config: RunConfig) -> None:
    """Number the chain days from 0, and set the policy day of those that have not begun."""
    in_chain = (Day.run_id == run.id, Day.role != "panel", Day.position.is_not(None))
    query = select(Day.id, Day.date, Day.outcome_date, Day.role).where(*in_chain)
    linked = session.execute(query.order_by(Day.position)).all()
    rows = [row for row in linked if row.role == "chain"]
    start = next((row.id for row in linked if row.role == "warm_start"), None)
    days = [ChainDay(row.date, settled_by(row.date, row.outcome_date, config)) for row in rows]
    policies = policy_dates(days, config)
    ids = {row.date: row.id for row in rows}
    places = {row.id: (place, policy) for place, (row, policy) in enumerate(zip(rows, policies, strict=True))}
    for day in pending_chain_days(session, run.id):
        day.position, policy_date = places[day.id]
        day.policy_day_id = ids[policy_date] if policy_date else start


def _score_last_day(session: Session, run: Run) -> None:
    chain = select(Day).where(Day.run_id == run.id, Day.role == "chain", Day.position.is_not(None))
    last = session.scalars(chain.order_by(Day.position.desc()).limit(1)).one_or_none()
    panel = session.scalars(select(Day).where(Day.run_id == run.id, Day.role == "panel")).all()
    if last is None or any(day.policy_day_id == last.id for day in panel):
        return
    # All panel days of a run have the same headlines, outcomes and profile: the new one copies the first.
    shared = ("run_id", "role", "outcome_date", "headline_ids", "profile")
    values = {name: getattr(panel[0], name) for name in shared} | {"date": last.date, "policy_day_id": last.id}
    session.execute(insert(Day).values(values | {"state": "pending"}))


def assign_outcome_dates(session: Session, run: Run, config: RunConfig) -> None:
    """Set the outcome dates that the corpus has reached since, on the chain days of a run under unsettled=wait."""
    if config.unsettled != "wait":
        return
    sound = [Headline.flag.is_(None)] if config.dates == "enforce" else []
    reached = Headline.date >= Day.date + due_in(config)
    first = select(Headline.date).where(Headline.corpus_id == run.corpus_id, reached, *sound)
    outcome = first.order_by(Headline.date).limit(1).correlate(Day).scalar_subquery()
    open_days = (Day.run_id == run.id, Day.role == "chain", Day.position.is_not(None), Day.outcome_date.is_(None))
    changed = update(Day).where(*open_days, outcome.is_not(None)).values(outcome_date=outcome)
    session.execute(changed, execution_options={"synchronize_session": "fetch"})
