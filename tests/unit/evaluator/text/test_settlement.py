"""Claims are settled against closes, and each number is right by hand."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from services.evaluator.text.settlement import Settler, brier, log_loss
from shared.errors import UnavailableError
from shared.run_config import RunConfig
from shared.wire import PriceSeries, Settlement
from tests.unit.evaluator.group_texts import DAY, closes

WEEK = RunConfig.model_validate({"horizon": "1w", "prices": "us-etfs"})
XLE = closes("XLE", 100, 101, 99, 100, 100, 100, 100, 97, 90, aliases=["Energy Select", "US energy stocks"])


def settle(
    claim: str, *, proxy: str = "XLE", prob: str = "62%", horizon: str = "1w", date: dt.date = DAY,
    prices: tuple[PriceSeries, ...] = (XLE,),
) -> Settlement | None:  # fmt: skip
    slots = {"Proxy": proxy, "Prob": prob, "Claim": claim, "Horizon": horizon}
    return Settler(prices, WEEK).settle(slots, date)


def test_a_forecast_due_in_a_week_is_settled_by_the_close_a_week_later() -> None:
    assert settle("XLE falls at least 3% in a week") == Settlement(
        symbol="XLE",
        threshold=-0.03,
        prob=0.62,
        start_date=DAY,
        end_date=DAY + dt.timedelta(days=7),
        change=-0.03,  # 97 / 100 − 1
        happened=True,
        brier=0.1444,  # (.62 − 1)²
        log_loss=-math.log(0.62),
    )


def test_a_claim_that_did_not_happen_costs_its_probability_squared() -> None:
    settled = settle("XLE falls at least 4% in a week")
    assert settled is not None
    assert (settled.happened, settled.brier) == (False, 0.3844)  # .62²
    assert settled.log_loss == pytest.approx(0.967584)  # −ln .38


@pytest.mark.parametrize(
    ("prob", "happened", "score", "loss"),
    [
        (0.62, True, 0.1444, 0.478036),
        (1.0, False, 1.0, 4.605170),  # clipped: −ln .01
        (1.0, True, 0.0, 0.010050),  # clipped: −ln .99
        (0.0, False, 0.0, 0.010050),
        (0.5, True, 0.25, 0.693147),
    ],
)
def test_brier_and_log_loss_are_right_by_hand(prob: float, happened: bool, score: float, loss: float) -> None:
    assert brier(prob, happened) == score
    assert log_loss(prob, happened) == pytest.approx(loss, abs=1e-6)


def test_level_is_compared_with_the_closes() -> None:
    settled = settle("XLE falls below 98 in a week")
    assert settled is not None
    assert (settled.threshold, settled.happened) == (-0.02, True)


def test_change_equal_to_the_threshold_counts_whatever_the_rounding() -> None:
    prices = (closes("XLE", *[100.0] * 7, 101.5),)  # 101.5 / 100 − 1 is a little less than .015 in floating point
    settled = settle("XLE rises at least 1.5% in a week", prices=prices)
    assert settled is not None
    assert settled.happened


def test_over_days_without_closes_the_last_before_and_the_first_after_count() -> None:
    friday, monday = dt.date(2025, 8, 15), dt.date(2025, 8, 25)
    prices = (PriceSeries(symbol="XLE", dates=[friday, monday], closes=[50.0, 60.0]),)
    settled = settle("XLE rises at least 3% in a week", date=dt.date(2025, 8, 17), prices=prices)
    assert settled is not None
    assert (settled.start_date, settled.end_date, settled.change) == (friday, monday, 0.2)


@pytest.mark.parametrize("proxy", ["xle", "$XLE", "energy  SELECT", "US energy stocks"])
def test_the_proxy_is_matched_by_symbol_or_alias_without_case(proxy: str) -> None:
    assert settle("It falls 3% in a week", proxy=proxy) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"proxy": "TLT"},
        {"proxy": ""},
        {"prob": ""},
        {"claim": "XLE falls"},
        {"claim": "XLE closes above 90"},
        {"horizon": "1d"},
        {"date": DAY - dt.timedelta(days=1)},
        {"claim": "GLD falls 3%", "prices": (XLE, closes("GLD", *[1.0] * 9))},
        {"prices": (closes("XLE", 0, *[1.0] * 8),)},
    ],
)
def test_claim_that_cannot_be_settled_has_no_settlement(changed: dict[str, str]) -> None:
    assert settle(**{"claim": "XLE falls 3% in a week"} | changed) is None  # type: ignore[arg-type]


def test_a_claim_that_names_its_proxy_among_others_is_settled() -> None:
    assert settle("XLE, ahead of GLD, falls 3%", prices=(XLE, closes("GLD", *[1.0] * 9))) is not None


def test_series_that_ends_before_the_claim_matures_is_a_retryable_error() -> None:
    with pytest.raises(UnavailableError, match="price set us-etfs has no close of XLE on or after 2025-08-25") as e:
        settle("XLE falls 3% in a week", prices=(closes("XLE", 100, 101),))
    assert e.value.retryable


def test_a_series_that_no_claim_is_about_may_end_early() -> None:
    assert settle("XLE falls 3% in a week", prices=(XLE, closes("GLD", 1.0))) is not None
