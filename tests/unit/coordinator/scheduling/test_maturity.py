"""The due dates of forecasts, and the data that they lack until they can be settled."""

from __future__ import annotations

import datetime as dt

import pytest

from services.coordinator.prices.rules import Span
from services.coordinator.scheduling.rules.maturity import due, lagging, needs_prices, settled_by, waits_for
from shared.run_config import RunConfig

MONDAY = dt.date(2025, 8, 18)
WEEKLY = RunConfig(ranker="resolved", horizon="1w", prices="closes", unsettled="wait")


def after(days: int) -> dt.date:
    return MONDAY + dt.timedelta(days=days)


def span(last: int, symbol: str = "SPY", first: int = -100) -> Span:
    return Span(symbol, after(first), after(last))


@pytest.mark.parametrize(("horizon", "days"), [("1d", 1), ("1w", 7), ("1m", 30), ("1q", 91)])
def test_a_forecast_is_due_after_its_horizon(horizon: str, days: int) -> None:
    assert due(MONDAY, RunConfig.model_validate({"horizon": horizon})) == after(days)


@pytest.mark.parametrize(
    "settings",
    [{"ranker": "resolved"}, {"reward_base": "resolved"}, {"reward_base": "mix", "reward_weights": {"resolved": 1.0}}],
)
def test_rewards_that_settle_claims_need_prices(settings: dict[str, object]) -> None:
    assert needs_prices(RunConfig.model_validate({"prices": "closes"} | settings))
    assert not needs_prices(RunConfig(prices="closes"))


def test_day_without_outcome_day_waits_for_headlines() -> None:
    missing = waits_for(MONDAY, None, RunConfig(horizon="1w", unsettled="wait"), [])
    assert missing == "headlines of a day from 2025-08-25 on; import them into its corpus"


def test_day_with_outcome_day_waits_only_if_prices_settle() -> None:
    assert waits_for(MONDAY, after(7), RunConfig(prices="closes"), []) is None


@pytest.mark.parametrize(("last", "waits"), [(0, True), (6, True), (7, False), (30, False)])
def test_prices_must_reach_the_due_date(last: int, waits: bool) -> None:
    assert (waits_for(MONDAY, after(7), WEEKLY, [span(last)]) is not None) == waits


def test_lagging_instruments_are_named() -> None:
    missing = waits_for(MONDAY, after(7), WEEKLY, [span(9), span(3, "BTC"), span(2, "EURUSD")])
    assert missing == "closes of BTC, EURUSD from 2025-08-25 on, which price set closes lacks; import them"


def test_instrument_that_is_not_traded_at_the_time_is_not_waited_for() -> None:
    gone, to_come = span(-15, "GONE"), span(5, "NEW", first=1)
    assert waits_for(MONDAY, after(7), WEEKLY, [span(8), gone, to_come]) is None
    assert lagging([gone, to_come], MONDAY, MONDAY, WEEKLY) == []


def test_price_set_without_closes_around_the_day_is_named_with_the_date() -> None:
    missing = waits_for(MONDAY, after(7), WEEKLY, [span(-20)])
    assert missing == "closes around 2025-08-18, which price set closes lacks; import them"


def test_forecasts_of_several_days_wait_for_the_last_of_them() -> None:
    assert lagging([span(9)], MONDAY, after(2), WEEKLY) == []
    assert lagging([span(9)], MONDAY, after(3), WEEKLY) == [span(9)]


def test_headlines_settle_by_the_outcome_day() -> None:
    assert settled_by(MONDAY, after(1), RunConfig()) == after(1)
    assert settled_by(MONDAY, None, RunConfig()) is None


@pytest.mark.parametrize(("date", "settled"), [(3, 4), (4, 7), (5, 7), (6, 7)])
def test_claims_due_on_a_weekend_settle_on_monday(date: int, settled: int) -> None:
    daily = RunConfig(ranker="resolved", prices="closes")
    assert settled_by(after(date), after(date + 1), daily) == after(settled)
