"""Turns the request for a run into its plan: days, headlines, panel and warm start."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.backfills.schemas import BackfillRequest, PlannedDayView, PlanView
from services.coordinator.corpora.queries import dated_headlines, dates_of, day_counts
from services.coordinator.corpora.rules.headlines import DatedHeadline, DayCount
from services.coordinator.models import Corpus, Headline, Run
from services.coordinator.panels.queries import find_panel, held_out
from services.coordinator.prices.queries import price_set, spans
from services.coordinator.prices.rules import Span
from services.coordinator.scheduling.rules.maturity import lagging, needs_prices
from services.coordinator.scheduling.rules.planning import (
    ONE_DAY,
    PlannedDay,
    RunPlan,
    outcome_day,
    plan,
    usable,
)
from services.coordinator.scheduling.rules.roles import warm_start_ids
from services.coordinator.scheduling.rules.selection import select_headlines
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.forecast import format_named
from shared.run_config import RunConfig

Headlines = Mapping[dt.date, Sequence[DatedHeadline]]


def plan_backfill(session: Session, request: BackfillRequest, corpus: Corpus) -> tuple[RunPlan, list[str]]:
    """The plan of a run over a corpus, and the warnings about it.

    Raises InvalidInputError that names the field at fault, ConflictError if the run's name is taken.
    """
    config = request.config
    if config.ranker == "recorded":
        raise InvalidInputError("config.ranker: recorded is for imported runs; use semantic")
    format_named(config.format)
    if session.scalar(select(Run.id).where(Run.name == request.name)) is not None:
        raise name_taken(request.name)
    counts, reach = day_counts(session, corpus.id), _reach(session, config)
    panel, kept_back = _panel(session, corpus, config)
    held = _held_out(session, kept_back, config)
    days = plan(counts, request.first, request.last, config, held_out=held, spans=reach)
    headlines = dated_headlines(session, corpus.id, days[0].date, days[-1].date)
    planned = RunPlan(
        days=days,
        selections={
            day.date: select_headlines(headlines.get(day.date, []), config, held_out=kept_back) for day in days
        },
        panel=panel,
        panel_outcome=_panel_outcome(session, counts, panel, config, reach) if panel else None,
        warm_start=_warm_start(session, corpus, days[0].date, config, kept_back),
    )
    return planned, _warnings(config, planned, headlines)


def name_taken(name: str) -> ConflictError:
    """The error of a request for a run whose name is taken."""
    return ConflictError(f"name: there is a run {name!r} already; choose another name")


def _reach(session: Session, config: RunConfig) -> list[Span]:
    if config.prices is None:
        return []
    try:
        price_set(session, config.prices)
    except NotFoundError as error:
        raise InvalidInputError(f"config.prices: {error.detail}") from error
    return spans(session, config.prices)


def _panel(session: Session, corpus: Corpus, config: RunConfig) -> tuple[list[int], set[int]]:
    """The panel's headline ids, and all ids that are held out of training with them."""
    if config.panel is None:
        return [], set()
    try:
        panel = find_panel(session, corpus, config.panel)
    except NotFoundError as error:
        raise InvalidInputError(f"config.panel: {error.detail}") from error
    return list(panel.headline_ids), held_out(session, panel)


def _held_out(session: Session, kept_back: set[int], config: RunConfig) -> Counter[dt.date]:
    """By date, the number of held-out headlines that a run could use otherwise."""
    query = select(Headline.date).where(Headline.id.in_(kept_back))
    sound = [Headline.flag.is_(None)] if config.dates == "enforce" else []
    return Counter(session.scalars(query.where(*sound)))


def _panel_outcome(
    session: Session, counts: Sequence[DayCount], panel: Sequence[int], config: RunConfig, reach: Sequence[Span]
) -> dt.date:
    """The day that settles the panel's last forecasts. Raises InvalidInputError if not all can be settled."""
    calendar = [day.date for day in counts if usable(day, config)]
    dates = set(dates_of(session, panel).values())
    outcomes = [outcome_day(date, calendar, config) for date in dates]
    settled = [date for date in outcomes if date is not None]
    if len(settled) < len(outcomes):
        raise InvalidInputError(
            f"config.panel: no day of the corpus can settle forecasts of {max(dates)} at horizon {config.horizon}; "
            "choose a panel of earlier days, a shorter horizon, or import later headlines"
        )
    behind = lagging(reach, min(dates), max(dates), config) if needs_prices(config) else []
    if behind:
        raise InvalidInputError(
            f"config.panel: price set {config.prices} has no closes of {behind[0].symbol} after {behind[0].last} that "
            f"settle forecasts of {max(dates)}; import later closes, or choose a panel of earlier days"
        )
    return max(settled)


def _warm_start(session: Session, corpus: Corpus, first: dt.date, config: RunConfig, kept_back: set[int]) -> list[int]:
    if not config.warm_start:
        return []
    earlier = dated_headlines(session, corpus.id, dt.date.min, first - ONE_DAY)
    return warm_start_ids(earlier, config, kept_back)


def _warnings(config: RunConfig, planned: RunPlan, headlines: Headlines) -> list[str]:
    warnings = []
    if config.lag == 0 and config.train:
        warnings.append("lag is 0: each day is predicted by a policy that has learned from its headlines (look-ahead)")
    flagged = sum(h.flag is not None for day in headlines.values() for h in day)
    if flagged and config.dates == "warn":
        warnings.append(f"dates is warn: {flagged} headlines with false dates are used, so forecasts may look ahead")
    if 0 < len(planned.warm_start) < config.warm_start:
        warnings.append(f"warm_start is {config.warm_start}, but earlier days have {len(planned.warm_start)} headlines")
    skipped = sum(day.reason is not None for day in planned.days)
    return warnings + ([f"{skipped} of {len(planned.days)} days are skipped"] if skipped else [])


def view_of_plan(request: BackfillRequest, planned: RunPlan, warnings: list[str]) -> PlanView:
    """The plan as the route of a dry run answers it."""
    config, chain, panel_days = request.config, planned.chain, planned.panel_days(request.config)
    rollouts = sum(day.headlines for day in chain) + len(planned.warm_start)
    return PlanView(
        config=config,
        config_hash=config.digest(),
        days=[_planned_day(day, planned) for day in planned.days],
        steps=dict(planned.steps(config)),
        rollouts=rollouts * config.rollouts + panel_days * len(planned.panel) * config.panel_rollouts,
        skipped=len(planned.days) - len(chain),
        panel_days=panel_days,
        warm_start=len(planned.warm_start),
        warnings=warnings,
    )


def _planned_day(day: PlannedDay, planned: RunPlan) -> PlannedDayView:
    return PlannedDayView(
        date=day.date,
        outcome_date=day.outcome_date,
        headlines=day.headlines,
        left_out=planned.selections[day.date].counts,
        state="skipped" if day.reason else "pending",
        reason=day.reason,
        policy=day.policy,
    )
