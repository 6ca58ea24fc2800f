"""The trade-thinking rubric: a forecast names an instrument, a direction, a time frame, a level, a catalyst, a risk.

Pure. instrument .2, direction .2, time frame .1, entry or exit level .2, catalyst .2, risk .1; each counts once. Only
the forecast's own words earn (see text/originality.py), so an empty text, the bare template, the headline and a
verbatim worked example score 0. It is a vocabulary: it can be filled with words of one's own that make no sense
together, which is why it only weighs a rank.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from services.evaluator.text.originality import Evidence, Source
from services.evaluator.trade_thinking import vocabulary as v

TENTHS: Final = {"instrument": 2, "direction": 2, "time_frame": 1, "level": 2, "catalyst": 2, "risk": 1}
"""Weights in tenths, which add up without rounding."""
_TICKER = re.compile(r"(?<![\w&])\$?[A-Z]{2,5}(?![\w&'’])")
_SHOUT = re.compile(r"\b[A-Z]{2,}(?: +[A-Z]{2,}){2,}\b")


@dataclass(frozen=True)
class Rubric:
    """A score in [0, 1] and what each part earned: its weight or 0."""

    total: float
    parts: dict[str, float]


def graded(names: AbstractSet[str]) -> Rubric:
    """The score of a text that contains the parts with these names."""
    parts = {name: tenths / 10 if name in names else 0.0 for name, tenths in TENTHS.items()}
    return Rubric(sum(TENTHS[name] for name in names) / 10, parts)


def _patterns(*sources: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(source, re.IGNORECASE) for source in sources)


@dataclass(frozen=True)
class Part:
    """Patterns of one part. A group `e`, where there is one, is the evidence and the rest its cue."""

    patterns: tuple[re.Pattern[str], ...]
    specific: bool = False

    def is_in(self, evidence: Evidence) -> bool:
        """Whether any match, overlapping ones included, rests on the text's own words."""
        return any(self._matches(pattern, evidence) for pattern in self.patterns)

    def _matches(self, pattern: re.Pattern[str], evidence: Evidence) -> bool:
        position = 0
        while match := pattern.search(evidence.text, position):
            start, end = match.span("e" if "e" in pattern.groupindex else 0)
            if evidence.supports(start, end, specific=self.specific):
                return True
            position = match.start() + 1
        return False


_PARTS: Final = {
    "instrument": Part(_patterns(rf"\b(?:{v.NAMES})(?![\w&])"), specific=True),
    "direction": Part(
        _patterns(
            r"\b(?:long|short)(?![- ](?:term|run|lived|time))\b|\b(?:up|down)(?! to\b)\b",
            r"\b(?:buy|sell|overweight|underweight|bullish|bearish|higher|lower|above|below|"
            rf"outperforms?|underperforms?|{v.UP_DOWN})\b",
        )
    ),
    "time_frame": Part(
        _patterns(
            r"\b(?:tomorrow|tonight|overnight|intraday)\b",
            r"\b(?:next|this|coming) (?:(?:trading|business) )?(?:day|session|week|month|quarter|year)\b",
            r"\b(?:by|before|on|until|through|next|this) (?:the )?(?:(?:end|close) (?:of|on) )?"
            rf"(?P<e>{v.WEEKDAY}|{v.MONTH})\b",
            r"\b(?:by|before|until) (?:the end of )?(?P<e>may)\b",
            r"\b(?:by|before|at|until) (?:the )?(?:end of )?(?:the )?"
            r"(?P<e>(?:day|week|month|quarter|year)(?:'s)?|close)\b",
            rf"\b(?:within|in|over|after|for) (?:the next )?(?P<e>{v.COUNT} (?:trading |business )?"
            r"(?:hour|day|session|week|month|quarter)s?)\b",
            r"\b\d+ ?[-–]? ?(?:\d+ ?)?(?:h|hours?|days?|weeks?|months?)\b",
        )
    ),
    "level": Part(
        _patterns(
            rf"\b(?:{v.CUES})(?:[ ~=:]+){v.ABOUT}?{v.NO_YEAR}(?P<e>{v.NUMBER}{v.UNIT}?)(?![\w%]){v.NOT_A_LEVEL}",
            rf"\b(?:{v.UP_DOWN}|up|down|higher|lower)(?: by)? {v.ABOUT}{{0,2}}"
            rf"(?P<e>{v.NUMBER}{v.UNIT}|[$€£¥]{v.NUMBER})(?![\w%]){v.NOT_A_LEVEL}",
            rf"(?<![\w.])(?P<e>{v.NUMBER}{v.UNIT})(?: or more)? (?:higher|lower|above|below|upside|downside|gain|loss|"
            r"drop|decline|rise|rally|move|increase|decrease)\b",
            r"(?<![\w.,–-])[+−-](?P<e>\d+(?:\.\d+)?%)",
        ),
        specific=True,
    ),
    "catalyst": Part(_patterns(rf"\b(?:{v.CATALYSTS})(?!\w)")),
    "risk": Part(_patterns(rf"\b(?:{v.RISKS})\b")),
}


def _names_ticker(evidence: Evidence) -> bool:
    """Whether a ticker of the text's own stands in it; words of a shouted phrase are no tickers."""
    shouted = [match.span() for match in _SHOUT.finditer(evidence.text)]
    return any(
        match[0].lstrip("$") not in v.NOT_TICKERS
        and not any(start <= match.start() < end for start, end in shouted)
        and evidence.supports(*match.span(), specific=True)
        for match in _TICKER.finditer(evidence.text)
    )


def graded_evidence(evidence: Evidence) -> Rubric:
    """The score of a text by its own words."""
    names = {name for name, part in _PARTS.items() if part.is_in(evidence)}
    return graded(names | ({"instrument"} if _names_ticker(evidence) else set()))


def trade_thinking(text: str, headline: str = "", prompt: str = "") -> Rubric:
    """Whether a forecast names the parts of a trade in its own words: total in [0, 1] (a share, no unit) and parts.

    Source: docs/scoring.md, "Scores of one rollout". `prompt` is the whole text that the forecast was sampled from.
    """
    return graded_evidence(Evidence(text, Source.of(prompt, headline)))
