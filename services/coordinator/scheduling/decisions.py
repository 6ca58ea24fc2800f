"""The schedules' values of a day: sampler profile, A/B split, bonus, learning rate, each stored with its figures.

A value depends only on figures that the day graph guarantees to be complete, so that it is the same however fast the
workers are: those of the policy day and all days before it, the day's own once it is sampled, and, for its update,
those of all earlier days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from services.coordinator.models import Day
from services.coordinator.runs.days import chain_ids_until, day_means, place_in_plan
from services.coordinator.scheduling.rules import schedules
from services.coordinator.scheduling.rules.schedules import profile_schedule
from services.coordinator.scheduling.rules.selection import ab_split
from shared.run_config import RunConfig

Decided = tuple[float, dict[str, Any], dt.date | None]
"""A value, the figures it follows from, and the newest day of these figures."""
History = list[tuple[dt.date, float]]


def decide(session: Session, config: RunConfig, day: Day) -> None:
    """Set the values that the state needs which the day has just entered."""
    if day.state == "generating" and day.role != "panel":
        _decide_sampling(session, config, day)
    elif day.state == "evaluating":
        day.bonus = _bonus(session, config, day)
    elif day.state == "training":
        day.learning_rate = _learning_rate(session, config, day)


def _record(day: Day, value_name: str, /, **decision: Any) -> None:
    # A new dict: SQLAlchemy does not see a change within the old one.
    day.decisions = {**day.decisions, value_name: decision}


def _decide_sampling(session: Session, config: RunConfig, day: Day) -> None:
    if config.profile_policy == "auto":
        day.profile = _profile(session, day)
    if day.role == "chain" and config.ab_share > 0:
        profiles = [day.profile, config.ab_profile]
        _record(
            day, "ab", share=config.ab_share, profiles=profiles, headlines=ab_split(day.headline_ids, day.date, config)
        )


def _profile(session: Session, day: Day) -> str:
    policy = session.get(Day, day.policy_day_id) if day.policy_day_id else None
    means = day_means(session, [policy.id]) if policy else []
    if policy is None or not means or means[0].raw_validity is None:
        _record(day, "profile", value="tight", policy="auto", figures={}, day=None)
        return "tight"
    # The column is plain text, since imported days bring profiles of their own; a run under `auto` has only these.
    before = next(profile for profile in schedules.PROFILES if profile == policy.profile)
    validity, leak = means[0].raw_validity, means[0].leak or 0.0
    value = profile_schedule(before, validity, leak)
    figures = {"profile": before, "raw_validity": validity, "leak": leak}
    _record(day, "profile", value=value, policy="auto", figures=figures, day=policy.date.isoformat())
    return value


def _bonus(session: Session, config: RunConfig, day: Day) -> float:
    start, end = config.bonus, config.bonus_end
    schedule = config.bonus_schedule if day.role == "chain" else "constant"
    if schedule == "linear":
        decided = _linear(session, day, start, end)
    elif schedule == "on_validity":
        validity = _validities(session, [day.id])[-1][1]
        decided = schedules.on_validity(start, end, validity), {"raw_validity": validity}, day.date
    elif schedule == "on_plateau":
        decided = _on_plateau(config, start, end, _validities(session, [*_days_learned_from(session, day), day.id]))
    else:
        decided = start, {}, None
    return _stored(day, "bonus", schedule, decided)


def _learning_rate(session: Session, config: RunConfig, day: Day) -> float:
    start, end = config.learning_rate, config.learning_rate_end
    schedule = config.learning_rate_schedule if day.role == "chain" else "constant"
    if schedule == "linear":
        decided = _linear(session, day, start, end)
    elif schedule == "on_plateau":
        means = day_means(session, chain_ids_until(session, day.run_id, (day.position or 0) - 1))
        decided = _on_plateau(config, start, end, [(f.date, f.reward) for f in means if f.reward is not None])
    else:
        decided = start, {}, None
    return _stored(day, "learning_rate", schedule, decided)


def _stored(day: Day, value_name: str, schedule: str, decided: Decided) -> float:
    value, figures, of = decided
    _record(day, value_name, value=value, schedule=schedule, figures=figures, day=of.isoformat() if of else None)
    return value


def _linear(session: Session, day: Day, start: float, end: float) -> Decided:
    place, days = place_in_plan(session, day)
    return schedules.linear(start, end, place, days), {"place": place, "days": days}, None


def _on_plateau(config: RunConfig, start: float, end: float, history: History) -> Decided:
    values = [value for _, value in history]
    value = schedules.on_plateau(start, end, values, config.plateau_days, config.plateau_factor)
    figures = {"history": values, "standstills": schedules.standstills(values, config.plateau_days)}
    return value, figures, history[-1][0] if history else None


def _validities(session: Session, day_ids: list[int]) -> History:
    means = day_means(session, day_ids)
    return [(figures.date, figures.raw_validity) for figures in means if figures.raw_validity is not None]


def _days_learned_from(session: Session, day: Day) -> list[int]:
    """Ids of the chain up to the policy day: all of them are trained by the time that the day begins."""
    policy = session.get(Day, day.policy_day_id) if day.policy_day_id else None
    return chain_ids_until(session, day.run_id, policy.position) if policy and policy.position is not None else []
