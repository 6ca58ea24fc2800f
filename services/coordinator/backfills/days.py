"""Inserts the days of a new run: warm start, chain and panel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Json, Run
from services.coordinator.scheduling.rules.planning import RunPlan
from shared.run_config import RunConfig


def insert_days(session: Session, run: Run, config: RunConfig, planned: RunPlan) -> None:
    """Insert all days of a run."""
    start = _insert_warm_start(session, run, config, planned)
    ids = _insert_chain(session, run, config, planned, start)
    if planned.panel:
        _insert_panel(session, run, config, planned, ids | ({planned.warm_date: start} if start else {}))


def _insert_warm_start(session: Session, run: Run, config: RunConfig, planned: RunPlan) -> int | None:
    if not planned.warm_start:
        return None
    values: Json = {
        "run_id": run.id,
        "role": "warm_start",
        "date": planned.warm_date,
        "outcome_date": planned.first_outcome,
        "position": -1,
        "headline_ids": planned.warm_start,
        "profile": config.profile,
        "state": "pending",
    }
    return session.execute(insert(Day).returning(Day.id), values).scalar_one()


def _insert_chain(
    session: Session, run: Run, config: RunConfig, planned: RunPlan, start: int | None
) -> dict[dt.date, int]:
    rows = [
        {
            "run_id": run.id,
            "date": day.date,
            "outcome_date": day.outcome_date,
            "position": day.position,
            "policy_day_id": None if day.reason else start,
            "headline_ids": planned.selections[day.date].ids,
            "left_out": planned.selections[day.date].left_out,
            "profile": config.profile,
            "state": "skipped" if day.reason else "pending",
            "reason": day.reason,
        }
        for day in planned.days
    ]
    ids = dict(session.execute(insert(Day).returning(Day.date, Day.id), rows).all())
    linked = [{"id": ids[day.date], "policy_day_id": ids[day.policy]} for day in planned.days if day.policy]
    if linked:
        session.execute(update(Day), linked)
    return ids


def _insert_panel(session: Session, run: Run, config: RunConfig, planned: RunPlan, ids: Mapping[dt.date, int]) -> None:
    scored = ([planned.warm_date] if planned.warm_start else []) + planned.scored(config)
    policies: dict[dt.date, int | None] = {planned.base_date: None} | {date: ids[date] for date in scored}
    rows = [
        {
            "run_id": run.id,
            "role": "panel",
            "date": date,
            "outcome_date": planned.panel_outcome,
            "policy_day_id": policy,
            "headline_ids": planned.panel,
            "profile": config.panel_profile,
            "state": "pending",
        }
        for date, policy in policies.items()
    ]
    session.execute(insert(Day), rows)
