"""Steps of kind evaluate: build the task with outcomes, peers and closes; check the scores; store evaluations."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, contains_eager

from services.coordinator.corpora.queries import calendar, dates_of, texts_on
from services.coordinator.database import insert_rows
from services.coordinator.models import Day, Evaluation, Group, Rollout, Run
from services.coordinator.prices.queries import series, spans
from services.coordinator.scheduling.rules.maturity import LOOK_AHEAD, LOOK_BACK, due, lagging, needs_prices
from services.coordinator.scheduling.rules.planning import outcome_day
from services.coordinator.steps.kinds.base import StepContext, head_fields
from services.coordinator.steps.rules import check_finite, check_ids, refusal
from shared.run_config import RunConfig
from shared.wire import (
    EvaluateResult,
    EvaluateTask,
    GroupToScore,
    PriceSeries,
    RolloutToScore,
)

_SCORED = (Rollout.index, Rollout.text, Rollout.raw_strict, Rollout.recorded)
PEERS = 48
"""Maximum number of a day's headlines that its forecasts are compared with, to score their grounding."""
Settled = tuple[dt.date, list[str]]
"""The date of a headline, and the headlines that settle its forecasts."""


def build_task(context: StepContext) -> EvaluateTask:
    """The groups of the step, with the outcomes, peers and closes that score them.

    The headlines of the panel and of a warm start are of many days: each brings its own day and outcomes.
    """
    session, run, day, config = context.session, context.run, context.day, context.config
    groups = _groups(session, day, context.step.items)
    ids = [group.headline_id for group in groups if group.headline_id is not None]
    own = _own(session, run, config, day, ids) if day.role != "chain" else {}
    lines = _lines_of_base(session, run, ids) if day.role == "panel" and day.policy_day_id is not None else {}
    peers = texts_on(session, run.corpus_id, config, {day.date, *(date for date, _ in own.values())})
    dates = [date for date, _ in own.values()] or [day.date]
    return EvaluateTask(
        **head_fields(context.head),
        outcome_date=day.outcome_date or day.date,
        outcomes=[] if own else _outcomes(session, run, config, day),
        groups=[_to_score(group, own.get(group.headline_id or 0), lines, peers) for group in groups],
        bonus=context.bonus,
        prices=_prices(session, config, min(dates), max(dates)),
        peers=[] if own else evenly_spaced(peers[day.date], PEERS),
    )


def check_result(context: StepContext, result: EvaluateResult) -> None:
    """Every rollout of the step's groups is scored within the day's range. Raises InvalidInputError."""
    query = select(Rollout.id).where(Rollout.group_id.in_(context.step.items))
    check_evaluated(result, context.session.scalars(query).all(), context.bonus)


def store_result(context: StepContext, result: EvaluateResult) -> None:
    """Store one evaluation per rollout."""
    rows = [record.model_dump() | {"step_id": context.step.id} for record in result.evaluations]
    insert_rows(context.session, Evaluation, rows)
    context.record(result.seconds, result.model_dump(include={"ranker", "leak_list", "figures"}))


def _groups(session: Session, day: Day, ids: Sequence[int]) -> Sequence[Group]:
    query = select(Group).join(Group.rollouts).options(contains_eager(Group.rollouts).load_only(*_SCORED))
    query = query.where(Group.day_id == day.id, Group.id.in_(ids))
    return session.scalars(query.order_by(Group.position, Rollout.index)).unique().all()


def _outcomes(session: Session, run: Run, config: RunConfig, day: Day) -> list[str]:
    if day.outcome_date is None:
        return []
    return texts_on(session, run.corpus_id, config, [day.outcome_date])[day.outcome_date]


def _own(session: Session, run: Run, config: RunConfig, day: Day, ids: Sequence[int]) -> dict[int, Settled]:
    """Day and outcomes by headline: at the run's horizon on the panel, of the very next day for a warm start."""
    dates = dates_of(session, ids)
    days = calendar(session, run.corpus_id, config, min(dates.values()))
    outcome = {
        date: outcome_day(date, days, config) if day.role == "panel" else days[bisect_right(days, date)]
        for date in set(dates.values())
    }
    texts = texts_on(session, run.corpus_id, config, [date for date in outcome.values() if date])
    return {headline_id: (date, texts[outcome[date] or date]) for headline_id, date in dates.items()}


def _lines_of_base(session: Session, run: Run, ids: Sequence[int]) -> dict[int | None, list[str]]:
    """The base model's lines on each headline of the panel."""
    base = aliased(Day)
    query = select(Group.headline_id, Rollout.text).join(Rollout, Rollout.group_id == Group.id)
    query = query.join(base, base.id == Group.day_id).where(
        base.run_id == run.id, base.role == "panel", base.policy_day_id.is_(None), Group.headline_id.in_(ids)
    )
    lines: dict[int | None, list[str]] = defaultdict(list)
    for headline_id, text in session.execute(query.order_by(Group.position, Rollout.index)):
        lines[headline_id].append(text)
    return lines


def _prices(session: Session, config: RunConfig, first: dt.date, last: dt.date) -> list[PriceSeries]:
    """The closes around forecasts of `first` to `last`, lagging instruments only where rewards depend on them."""
    if config.prices is None:
        return []
    closes = series(session, config.prices, first - LOOK_BACK, due(last, config) + LOOK_AHEAD)
    if needs_prices(config):
        return closes
    behind = {span.symbol for span in lagging(spans(session, config.prices), first, last, config)}
    return [instrument for instrument in closes if instrument.symbol not in behind]


def evenly_spaced(texts: Sequence[str], limit: int) -> list[str]:
    """At most `limit` of the texts, evenly spaced in their order."""
    return [texts[i * len(texts) // limit] for i in range(limit)] if len(texts) > limit else list(texts)


def _to_score(
    group: Group, settled: Settled | None, lines: Mapping[int | None, list[str]], peers: Mapping[dt.date, list[str]]
) -> GroupToScore:
    return GroupToScore(
        group_id=group.id,
        headline=group.headline,
        prompt_text=group.prompt_text,
        rollouts=[
            RolloutToScore(
                rollout_id=rollout.id,
                text=rollout.text,
                raw_strict=rollout.raw_strict,
                recorded_rank=rollout.recorded.get("rank"),
                recorded_score=rollout.recorded.get("reward"),
            )
            for rollout in group.rollouts
        ],
        outcomes=settled[1] if settled else None,
        date=settled[0] if settled else None,
        reference=lines.get(group.headline_id, []),
        peers=evenly_spaced(peers[settled[0]], PEERS) if settled else None,
    )


ROUNDING = 1e-9
"""Tolerance for rounding errors at both ends of a reward's range."""


def check_evaluated(result: EvaluateResult, rollout_ids: Sequence[int], bonus: float) -> None:
    """Each rollout is scored once, with finite numbers and a reward in [0, 1 + the day's bonus].

    Raises InvalidInputError.
    """
    check_ids("evaluations.rollout_id", [record.rollout_id for record in result.evaluations], rollout_ids)
    for record in result.evaluations:
        field = f"evaluations.{record.rollout_id}"
        settled = record.settlement.model_dump().values() if record.settlement else ()
        scores = (record.validity, record.trade_thinking, record.semantic, record.rank, record.normalized_score)
        totals = (record.outcome_score, record.composite, record.reward, record.form_score, record.grounding)
        check_finite(field, [*scores, *totals, *record.trade_parts.values(), *_numbers(settled)])
        if not -ROUNDING <= record.reward <= 1 + bonus + ROUNDING:
            raise refusal(
                f"{field}.reward", f"it is {record.reward:g}, expected from 0 to 1 + the day's bonus {bonus:g}"
            )
    check_finite("figures", result.figures.values())


def _numbers(values: Iterable[object]) -> list[float]:
    return [float(value) for value in values if isinstance(value, int | float)]
