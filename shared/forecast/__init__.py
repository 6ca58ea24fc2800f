"""The forecast line's grammar: what a line must look like, how a near miss is put right, what counts as failed.

    Domain=…; Proxy=…; Horizon=1d; Prob=60%; Claim=…; Rationale=…; Risk=…; Confidence=2

Pure: no I/O, and no function raises on any text.
"""

from __future__ import annotations

from shared.forecast.judging import Judgement, judge
from shared.forecast.regex import ABSTENTION, line_regex
from shared.forecast.slots import DOMAINS, HORIZONS, KEYS, TEMPLATE, WORD_LIMITS, Slots, render

__all__ = [
    "ABSTENTION",
    "DOMAINS",
    "HORIZONS",
    "KEYS",
    "TEMPLATE",
    "WORD_LIMITS",
    "Judgement",
    "Slots",
    "judge",
    "line_regex",
    "render",
]
