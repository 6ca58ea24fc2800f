"""Settles claims against closes: the threshold, whether it was reached, and the Brier score and log loss. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from services.evaluator.text.claims import Claimed, parse_claim
from shared.errors import UnavailableError
from shared.run_config import HORIZON_DAYS, RunConfig
from shared.wire import PriceSeries, Settlement

MIN_PROB = 0.01
"""Log loss takes probabilities clipped to [MIN_PROB, 1 − MIN_PROB], so that one certain error is not infinite."""


def brier(prob: float, happened: bool) -> float:
    """(prob − happened)², in [0, 1]; 0 is best (Brier 1950, for one event of two outcomes)."""
    return round((prob - happened) ** 2, 12)


def log_loss(prob: float, happened: bool) -> float:
    """−ln of the probability given to what happened, clipped to [.01, .99]: in [.01005, 4.60517] nats."""
    clipped = min(1 - MIN_PROB, max(MIN_PROB, prob))
    return -math.log(clipped if happened else 1 - clipped)


def _name(text: str) -> str:
    return " ".join(text.split()).casefold().lstrip("$")


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


class Settler:
    """Settles the claims of a task against its prices, at its run's horizon."""

    def __init__(self, prices: Sequence[PriceSeries], config: RunConfig) -> None:
        self._horizon = config.horizon
        self._set = config.prices or "of the request"
        self._names = [(name, series) for series in prices for name in (series.symbol, *series.aliases)]
        # reversed, so that of two series with one name the first given wins
        self._by_name = {_name(name): series for name, series in reversed(self._names)}

    def settle(self, slots: Mapping[str, str], date: dt.date) -> Settlement | None:
        """The settlement of a forecast of `date`, from its sound slots; None if it cannot be settled.

        It can if Proxy names a series, Claim one change of it, Prob a probability, and Horizon is the run's or absent.
        Raises UnavailableError if the series ends before the claim matures: the closes have yet to be imported.
        """
        series = self._by_name.get(_name(slots.get("Proxy", "")))
        claimed = parse_claim(slots.get("Claim", ""))
        percent = slots.get("Prob", "").removesuffix("%")
        if not series or not claimed or not percent.isdecimal() or slots.get("Horizon", self._horizon) != self._horizon:
            return None
        # a forecast of a day without trading starts from the close before it
        first = bisect_right(series.dates, date) - 1
        if first < 0 or series.closes[first] <= 0 or self._is_about_another(claimed.subject, series):
            return None
        return self._settled(series, first, self._last(series, date), claimed, int(percent) / 100)

    def _last(self, series: PriceSeries, date: dt.date) -> int:
        due = date + dt.timedelta(days=HORIZON_DAYS[self._horizon])
        last = bisect_left(series.dates, due)
        if last == len(series.dates):
            raise UnavailableError(
                f"the price set {self._set} has no close of {series.symbol} on or after {due}, when forecasts of "
                f"{date} mature: import later closes"
            )
        return last

    def _is_about_another(self, subject: str, series: PriceSeries) -> bool:
        """Whether the words before the move name another series and not this one."""
        named = [other for name, other in self._names if _mentions(subject, name)]
        return bool(named) and series not in named

    def _settled(self, series: PriceSeries, first: int, last: int, claimed: Claimed, prob: float) -> Settlement | None:
        start, end = series.closes[first], series.closes[last]
        threshold = claimed.threshold(start)
        if threshold is None:
            return None
        # both sides are rounded to 9 decimals: a move of exactly the claimed size must count
        change = round(end / start - 1, 9)
        happened = change >= threshold if claimed.up else change <= threshold
        return Settlement(
            symbol=series.symbol,
            threshold=threshold,
            prob=prob,
            start_date=series.dates[first],
            end_date=series.dates[last],
            change=change,
            happened=happened,
            brier=brier(prob, happened),
            log_loss=log_loss(prob, happened),
        )
