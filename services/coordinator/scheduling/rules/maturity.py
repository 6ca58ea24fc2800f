"""When a day's forecasts are due, and the data that they lack until they can be settled. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from services.coordinator.prices.rules import Span
from shared.run_config import HORIZON_DAYS, RunConfig

LOOK_BACK = dt.timedelta(days=14)
"""An instrument without a close for this long before a forecast counts as delisted: no forecast waits for it."""
LOOK_AHEAD = dt.timedelta(days=31)
"""The first close after the horizon settles a claim if it comes within this time."""
SATURDAY = 5


def needs_prices(config: RunConfig) -> bool:
    """Whether rewards depend on claims that are settled against prices."""
    return config.ranker == "resolved" or config.reward_base == "resolved" or "resolved" in config.reward_weights


def due_in(config: RunConfig) -> int:
    """Calendar days from a forecast's date to the earliest date that can settle it."""
    return HORIZON_DAYS[config.horizon]


def due(date: dt.date, config: RunConfig) -> dt.date:
    """The earliest date that can settle a forecast of a date."""
    return date + dt.timedelta(days=due_in(config))


def settled_by(date: dt.date, outcome_date: dt.date | None, config: RunConfig) -> dt.date | None:
    """The date by which a day's forecasts are settled; None while its outcome date is unknown.

    Prices settle a claim at the first close from its due date on, which a weekend puts off until Monday.
    """
    if outcome_date is None or not needs_prices(config):
        return outcome_date
    closes = due(date, config)
    if closes.weekday() >= SATURDAY:
        closes += dt.timedelta(days=7 - closes.weekday())
    return max(outcome_date, closes)


def lagging(spans: Sequence[Span], first: dt.date, last: dt.date, config: RunConfig) -> list[Span]:
    """Instruments that were traded when forecasts of `first` to `last` were made, but lack a close from their due
    date on."""
    traded = [span for span in spans if span.first <= last and span.last >= first - LOOK_BACK]
    return [span for span in traded if span.last < due(last, config)]


def waits_for(date: dt.date, outcome_date: dt.date | None, config: RunConfig, spans: Sequence[Span]) -> str | None:
    """The data that settling a day's forecasts lacks, with the cure; None if they can be settled.

    `spans` are those of the run's price set.
    """
    if outcome_date is None:
        return f"headlines of a day from {due(date, config)} on; import them into its corpus"
    if not needs_prices(config):
        return None
    if not any(span.first <= date <= span.last + LOOK_BACK for span in spans):
        return f"closes around {date}, which price set {config.prices} lacks; import them"
    behind = lagging(spans, date, date, config)
    if not behind:
        return None
    names = ", ".join(span.symbol for span in behind[:5]) + (f" and {len(behind) - 5} more" if len(behind) > 5 else "")
    return f"closes of {names} from {due(date, config)} on, which price set {config.prices} lacks; import them"
