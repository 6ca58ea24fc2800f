"""The predecessor's trade-thinking rubric, so that its figures can be recomputed (preset `legacy`).

Pure. It scores the raw text without the copy rule: the words of its own template earn. Never use it for training.
"""

from __future__ import annotations

import re
from typing import Final

from services.evaluator.trade_thinking.rubric import Rubric, graded

_LEVEL_AFTER_WORD = r"(?:stop|target|tp|sl|at|around)\s*[~≈=:]?\s*[$€£]?\s*\d+(?:\.\d+)?(?:%|\b)"
# The percentage ends where a word begins: the predecessor asked for a word boundary after the sign, which is no word
# character itself. So 3.%2 counts, and 3% at the end of a text does not.
_PERCENTAGE = r"\b\d{1,3}\.?\d?\s*%(?=\w)"
_CATALYSTS = (
    "earnings|guidance|CPI|PCE|jobs|NFP|inflation|Fed|FOMC|rate cut|rate hike|rate decision|ECB|BOJ|tariff|deal|merger|"
    "acquisition|upgrade|downgrade|headlines?"
)
_RISKS = "risk|if|unless|downside|stop|invalidated|fails|surprise|hawkish|miss|guide down"
_PATTERNS: Final = {
    "instrument": re.compile(r"\b(?:[A-Z]{2,5}|S&P|Nasdaq|Treasury|Treasuries)\b"),
    "direction": re.compile(r"\b(?:long|short|buy|sell|overweight|underweight)\b", re.IGNORECASE),
    "time_frame": re.compile(
        r"\b(?:24\s*[-–—]?\s*48\s*h|tomorrow|next day|overnight|1\s*[-–—]\s*2 days|1 day)\b", re.IGNORECASE
    ),
    "level": re.compile(f"{_LEVEL_AFTER_WORD}|{_PERCENTAGE}", re.IGNORECASE),
    "catalyst": re.compile(rf"\b(?:{_CATALYSTS})\b", re.IGNORECASE),
    "risk": re.compile(rf"\b(?:{_RISKS})\b", re.IGNORECASE),
}


def legacy_trade_thinking(text: str) -> Rubric:
    """Whether a text names the parts of a trade, as the predecessor counted it: in [0, 1], an empty text 0.

    Source: the predecessor's trade-thinking score at horizon next_day. Names of instruments are matched with their
    capitals, all else without regard to case; "at" and "tp" count inside a word too.
    """
    return graded({name for name, pattern in _PATTERNS.items() if pattern.search(text)})
