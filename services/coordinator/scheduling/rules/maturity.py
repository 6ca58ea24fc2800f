"""When the forecasts of a day can be settled, and what they wait for until then. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from services.coordinator.prices.rules import Span
from shared.run_config import HORIZON_DAYS, RunConfig

LOOK_BACK = dt.timedelta(days=14)
"""An instrument without a close for so long before a forecast is not traded any more: nothing waits for it."""
LOOK_AHEAD = dt.timedelta(days=31)
"""How long after the horizon the first close may come that settles a claim."""
SATURDAY = 5


def needs_prices(config: RunConfig) -> bool:
    """Whether rewards depend on claims that are settled against prices."""
    return config.ranker == "resolved" or config.reward_base == "resolved" or "resolved" in config.reward_weights


def due_in(config: RunConfig) -> int:
    """Days from a forecast's date to the earliest that can settle it."""
    return HORIZON_DAYS[config.horizon]


def due(date: dt.date, config: RunConfig) -> dt.date:
    """The earliest date that can settle a forecast of a date."""
    return date + dt.timedelta(days=due_in(config))


def settled_by(date: dt.date, outcome_date: dt.date | None, config: RunConfig) -> dt.date | None:
    """The date by which a day's forecasts are known to be right or wrong; None as long as it cannot be told.

    Prices settle a claim at the first close from its due date on, which a weekend puts off until Monday.
    """
    if outcome_date is None or not needs_prices(config):
        return outcome_date
    closes = due(date, config)
    if closes.weekday() >= SATURDAY:
        closes += dt.timedelta(days=7 - closes.weekday())
    return max(outcome_date, closes)


def lagging(spans: Sequence[Span], first: dt.date, last: dt.date, config: RunConfig) -> list[Span]:
    """The instruments that were traded when forecasts of `first` to `last` were made, but have no close from their
    due date on."""
    traded = [span for span in spans if span.first <= last and span.last >= first - LOOK_BACK]
    return [span for span in traded if span.last < due(last, config)]


def waits_for(date: dt.date, outcome_date: dt.date | None, config: RunConfig, spans: Sequence[Span]) -> str | None:
    """What settling a day's forecasts takes that is not there; None if they can be settled.

    `spans` are those of the run's price set.
    """
    if outcome_date is None:
        return f"headlines of a day from {due(date, config)} on; import them into its corpus"
    if not needs_prices(config):
        return None
    if not any(span.first <= date <= span.last + LOOK_BACK for span in spans):
        return f"closes around {date}, of which price set {config.prices} has none; import them"
    behind = lagging(spans, date, date, config)
    if not behind:
        return None
    names = ", ".join(span.symbol for span in behind[:5]) + (f" and {len(behind) - 5} more" if len(behind) > 5 else "")
    return f"closes of {names} from {due(date, config)} on, which price set {config.prices} has not; import them"
