"""Forecasts in words: what each format must look like, how a near miss is put right, what counts as failed.

The formats lie in `formats`, one module each. `judge`, `render` and `line_regex` are those of `one_line`:

    Domain=…; Proxy=…; Horizon=1d; Prob=60%; Claim=…; Rationale=…; Risk=…; Confidence=2

Pure: no I/O, and no function raises on any text.
"""

from __future__ import annotations

from shared.forecast.abstention import ABSTENTION
from shared.forecast.format import Asked, Example, Format, Kept, RepairPlan
from shared.forecast.formats import format_named, formats
from shared.forecast.formats.one_line.judge import judge
from shared.forecast.formats.one_line.regex import line_regex, slot_regex
from shared.forecast.judgement import Judgement
from shared.forecast.slots import DOMAINS, HORIZONS, KEYS, TEMPLATE, WORD_LIMITS, Slots, render

__all__ = [
    "ABSTENTION",
    "DOMAINS",
    "HORIZONS",
    "KEYS",
    "TEMPLATE",
    "WORD_LIMITS",
    "Asked",
    "Example",
    "Format",
    "Judgement",
    "Kept",
    "RepairPlan",
    "Slots",
    "format_named",
    "formats",
    "judge",
    "line_regex",
    "render",
    "slot_regex",
]
