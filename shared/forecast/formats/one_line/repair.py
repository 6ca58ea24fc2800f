"""Putting a near miss right: one value at a time, each change recorded in words."""

from __future__ import annotations

import re
from typing import Final

from shared.forecast.slots import DOMAINS, HORIZONS, WORD_LIMITS, placeholder

DOMAIN_SYNONYMS: Final = {
    "MarketMove": "market stock equity share commodity energy oil gold crypto currency forex bond etf index price",
    "MacroIndicator": "macro econom inflation cpi gdp employment jobs unemployment labor labour",
    "PolicyOutcome": "policy monetary fiscal fed fomc central rate tariff trade politic government",
    "Election": "elect vote ballot poll",
    "Regulation": "regulat law legal court antitrust compliance sec",
    "Geopolitics": "geopolitic war conflict military diplomacy sanction defense defence international",
    "Technology": "tech ai software chip semiconductor science cyber",
    "CompanyEvent": "compan corporate earning business merger acquisition guidance dividend",
    "PublicHealth": "health medic disease pandemic vaccine drug",
}
"""Beginnings of words, lower case. A domain outside the list becomes the first listed one, in the order of this table
but with the more particular before the general MarketMove, that has a word of its text; MarketMove if none has."""

MAX_DOMAIN_WORDS: Final = 4
_UNITS: Final = {"d": "1d", "day": "1d", "w": "1w", "week": "1w", "m": "1m", "month": "1m", "q": "1q", "quarter": "1q"}
_HORIZON = re.compile(r"(?:1|one)[ \-‐‑–]?([a-z]+)")
_PROB = re.compile(r"0*([0-9]{1,3}) ?(%|percent|per cent)?")
_LOOSE_END: Final = " ,:–—-("
_SHORT: Final = 3
"""Synonyms up to this length must be whole words: `ai` is not in `airlines`."""

Repaired = tuple[str, list[str]]


def _starts(word: str, stem: str) -> bool:
    return word == stem if len(stem) <= _SHORT else word.startswith(stem)


def nearest_domain(value: str) -> str:
    """The listed domain that a text outside the list stands for; MarketMove if nothing says otherwise."""
    squeezed = re.sub(r"[^a-z]", "", value.casefold())
    for domain in DOMAINS:
        if domain.casefold() in (squeezed, squeezed.removesuffix("s")):
            return domain
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", value).casefold())
    for domain in (*DOMAINS[1:], DOMAINS[0]):
        stems = DOMAIN_SYNONYMS[domain].split()
        if any(_starts(word, stem) for word in words for stem in stems):
            return domain
    return DOMAINS[0]


def _domain(value: str) -> Repaired:
    if value in DOMAINS or placeholder("Domain", value) or not value or len(value.split()) > MAX_DOMAIN_WORDS:
        return value, []
    domain = nearest_domain(value)
    return domain, [f"Domain {value} became {domain}"]


def _horizon(value: str) -> Repaired:
    found = _HORIZON.fullmatch(value.casefold())
    horizon = _UNITS.get(found[1]) if found else None
    return (horizon, [f"Horizon {value} became {horizon}"]) if horizon and value not in HORIZONS else (value, [])


def _prob(value: str) -> Repaired:
    found = _PROB.fullmatch(value.casefold())
    if not found or value == f"{found[1]}%":
        return value, []
    return f"{found[1]}%", ["Prob form" if found[2] else "Prob missing %"]


def _cut(key: str, value: str) -> Repaired:
    limit = WORD_LIMITS[key]
    words = value.split()
    if not limit < len(words) <= limit + limit // 2 or placeholder(key, value):
        return value, []
    return " ".join(words[:limit]).rstrip(_LOOSE_END), [f"{key} cut from {len(words)} to {limit} words"]


def repaired(key: str, value: str) -> Repaired:
    """The value put right as far as that is safe, and what was changed. Without a change the value comes back."""
    match key:
        case "Domain":
            return _domain(value)
        case "Horizon":
            return _horizon(value)
        case "Prob":
            return _prob(value)
        case "Rationale" | "Risk":
            return _cut(key, value)
        case _:
            return value, []
