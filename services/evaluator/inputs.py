"""The inputs of one scoring task. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.run_config import RunConfig
from shared.wire import PriceSeries


@dataclass(frozen=True)
class ScoringInputs:
    """Inputs of a task besides its groups: configuration (the seed among it), outcomes, bonus (≥ 0), closes and day.

    `date` is the day of the forecasts, None where nothing is to be settled. `between` is called between pieces of
    work and may raise to stop. `peers` are headlines of that day.
    """

    config: RunConfig
    outcomes: Sequence[str]
    bonus: float
    prices: Sequence[PriceSeries] = ()
    date: dt.date | None = None
    between: Callable[[], None] = field(default=lambda: None)
    peers: Sequence[str] = ()
