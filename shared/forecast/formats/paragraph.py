"""The format `paragraph`: 3 to 5 sentences that say which asset moves, which way, how far, by when and why.

A text is scored by a rubric of five parts, .2 each. It is strict if all are there, each sentence is complete and says
something of its own; normalized if only spaces, its end or up to two sentences too many had to be put right.
"""

from __future__ import annotations

import re
from typing import Final

from shared.forecast.abstention import declined
from shared.forecast.format import BY_HORIZON, Example, Format
from shared.forecast.formats.one_line.regex import phrase
from shared.forecast.judgement import Judgement
from shared.forecast.slots import Slots, plain, unfilled
from shared.run_config import Horizon

SYSTEM: Final = (
    "Turn a headline into one falsifiable market forecast. Answer with one paragraph of three to five sentences: "
    "which asset moves, in which direction, by how much, by when, and what drives it."
)
TEMPLATE: Final = (
    "<asset> should <rise or fall> by <size> <by when>. It moves because <driver>. The main risk is <risk>."
)
_EXAMPLES: Final = (
    (
        "Fed minutes show growing support for a September rate cut",
        "The US 2-year yield should fall by about 8 basis points {by}. It falls because dovish minutes let traders "
        "price an earlier cut. The main risk is a strong payrolls report.",
    ),
    (
        "Nvidia supplier raises full-year guidance on AI demand",
        "NVDA shares should rise by at least 2% {by}. The move is driven by firm chip orders that the higher guidance "
        "points to. The main risk is a broad sale of tech stocks.",
    ),
)
PARTS: Final = ("direction", "size", "asset", "time frame", "driver")
MIN_SENTENCES, MAX_SENTENCES, MAX_CUT_SENTENCES = 3, 5, 7
"""Sentences of a strict paragraph, and how many are still cut to MAX_SENTENCES."""

_DIRECTIONS: Final = """
    advance advances climb climbs climbing decline declines declining decrease decreases dip dips drop drops
    dropping ease eases fall falls falling flat gain gains gaining higher increase increases jump jumps lower
    lose loses narrow narrows rally rallies rebound rebounds rise rises rising sink sinks slide slides slip
    slips slump slumps strengthen strengthens surge surges tumble tumbles unchanged weaken weakens widen widens
    up down above below
"""
_ASSETS: Final = """
    bitcoin bond bonds brent bund bunds cac coal cocoa coffee commodities copper corn cotton credit crude crypto
    currency dax dollar dow equities etf ether ethereum euro franc ftse futures gas gilt gilts gold index iron
    krona lira lithium loonie nasdaq nikkei notes oil palladium peso platinum pound price prices rand real
    renminbi rouble ruble rupee russell s&p share shares silver soybean soybeans steel sterling stock stocks
    stoxx sugar treasuries treasury uranium wheat won wti yen yield yields yuan
"""
_NOT_TICKERS: Final = """
    AI AND ARE BY BOE BOJ CDC CEO CFO CPI ECB EPA EPS EU FBI FDA FED FOR FTC GDP IMF IN IPO IT NATO NOT OF OPEC
    OR PCE PMI PPI SEC THE TO UAE UK UN US USA WHO WTO
"""
_DIRECTION_WORDS, _ASSET_WORDS, _NOT_TICKER_WORDS = (
    frozenset(words.split()) for words in (_DIRECTIONS, _ASSETS, _NOT_TICKERS)
)
_SIZE = re.compile(
    r"[$€£¥] ?\d[\d,.]{0,14}|\d[\d,]{0,14}(?:\.\d{1,6})? ?(?:%|(?:percent|per cent|bps?|basis points?|points?|cents?|"
    r"dollars?|pips?)\b)(?! (?:chance|probability|likelihood|odds|confidence))"
)
_SPAN: Final = r"(?:end of|this|next|coming|following|one|two|three|four|five|six|few|an?|the|\d{1,3}) "
_UNIT: Final = r"(?:trading |business )?(?:session|day|week|month|quarter|year)s?"
_DAY: Final = r"(?:mon|tues|wednes|thurs|fri)day"
_MONTH: Final = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_TIME = re.compile(
    rf"\b(?:today|tonight|tomorrow|1[dwmq]|q[1-4]|20\d\d-\d\d-\d\d|(?:week|month|quarter|year)[ -]end|"
    rf"(?:this|next|coming) {_UNIT}|(?:in|within|over|for|by|during|before|until|through) (?:{_SPAN}){{1,4}}{_UNIT}|"
    rf"(?:by|on|before|until|next|this) (?:the )?(?:end of |close of )?{_DAY}|"
    rf"(?:by|in|before|until) (?:the )?(?:end of |early |mid-|late )?{_MONTH})\b"
)
_DRIVER = re.compile(
    r"\b(?:because|due to|driven by|drivers? (?:is|are)|on the back of|thanks to|owing to|amid|following|after|led by|"
    r"as a result of|fuell?ed by|(?:support|boost|lift|pressur|help)ed by|weighed on by|reflect(?:s|ing)|stems from) "
    r"[^\w ]?\w[^ ]* [^\w ]?\w"
)
_PLACEHOLDER = re.compile(r"<[^<>]{0,80}>")
_ABBREVIATION = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]|Mr|Mrs|Ms|Dr|St|Inc|Corp|Co|Ltd|No|Jr|Sr|Gen|Gov|Sen|Rep|vs")
_TICKER = re.compile(r"\$?[A-Z]{2,5}")
_CLOSING: Final = "\"')]”’"


def _ends(word: str, following: str) -> bool:
    bare = word.rstrip(_CLOSING)
    if bare[-1:] not in (".", "!", "?"):
        return False
    return not following or not (following[0].islower() or _ABBREVIATION.fullmatch(bare[:-1]))


def sentences(line: str) -> tuple[list[str], str]:
    """The complete sentences of a line with single spaces, and what is left after the last of them."""
    words = line.split(" ")
    found: list[str] = []
    begun: list[str] = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        begun.append(word)
        if _ends(word, following):
            found.append(" ".join(begun))
            begun = []
    return found, " ".join(begun)


def _asset(words: list[str]) -> str | None:
    mixed = any(word.islower() for word in words)
    bare = [word.strip(".,;:!?()\"'’").removesuffix("'s") for word in words]
    return next(
        (
            word
            for word in bare
            if word.casefold() in _ASSET_WORDS or (mixed and _TICKER.fullmatch(word) and word not in _NOT_TICKER_WORDS)
        ),
        None,
    )


def parts(statements: list[str], headline: str | None = None) -> Slots:
    """The parts of the rubric that sentences hold, with the words that show them; the headline itself shows nothing."""
    own = [sentence for sentence in statements if plain(sentence) != plain(headline or "")]
    line = _PLACEHOLDER.sub("", " ".join(own))
    low, words = line.casefold(), line.split()
    size, time, driver = (pattern.search(low) for pattern in (_SIZE, _TIME, _DRIVER))
    evidence = {
        "direction": next(
            (word for word in (w.strip(".,;:!?") for w in low.split()) if word in _DIRECTION_WORDS), None
        ),
        "size": size and size[0],
        "asset": _asset(words),
        "time frame": time and time[0],
        "driver": driver and driver[0].rpartition(" ")[0],
    }
    return {part: found for part in PARTS if (found := evidence[part])}


def _put_right(line: str) -> tuple[list[str], list[str]]:
    """The sentences of a paragraph as they should stand, and what was changed for that."""
    statements, unfinished = sentences(line)
    rest = unfinished.rstrip(" ,;:–—-(")
    changes: list[str] = []
    if unfinished and len(statements) < MIN_SENTENCES and any(character.isalnum() for character in rest):
        statements.append(f"{rest}.")
        changes.append("final period")
    elif unfinished:
        changes.append("unfinished sentence dropped")
    if MAX_SENTENCES < len(statements) <= MAX_CUT_SENTENCES:
        changes.append(f"cut from {len(statements)} to {MAX_SENTENCES} sentences")
        statements = statements[:MAX_SENTENCES]
    return statements, changes


def _flaw(line: str, statements: list[str], found: Slots, headline: str | None) -> tuple[str | None, str] | None:
    """The missing part, if it is one, and why the paragraph fails; None if it stands."""
    whole, texts = " ".join(statements), [plain(sentence) for sentence in statements]
    gap = unfilled(line) or unfilled(whole)
    missing = next((part for part in PARTS if part not in found), None)
    checks = (
        (gap is not None, None, f"the text {gap}"),
        (not whole.isprintable(), None, "the text holds characters that cannot be printed"),
        (
            not MIN_SENTENCES <= len(statements) <= MAX_SENTENCES,
            None,
            f"the text has {len(statements)} sentences where {MIN_SENTENCES} to {MAX_SENTENCES} are asked for",
        ),
        (bool(headline) and plain(headline or "") in texts, None, "a sentence repeats the headline"),
        (len(set(texts)) < len(texts), None, "a sentence is said twice"),
        (missing is not None, missing, f"{missing} is missing"),
    )
    return next(((part, reason) for failed, part, reason in checks if failed), None)


def judge(text: str, headline: str | None = None) -> Judgement:
    """Judge a text as a paragraph. With a headline, a sentence that repeats it fails. Never raises."""
    line = " ".join(text.split())
    if not line:
        return Judgement("malformed", failure="the text is empty")
    if abstention := declined(line):
        return abstention
    statements, changes = _put_right(line)
    found = parts(statements, headline)
    if flaw := _flaw(line, statements, found, headline):
        return Judgement("malformed", found, failed_slot=flaw[0], failure=flaw[1])
    whole = " ".join(statements)
    if whole == text:
        return Judgement("strict", found, whole)
    return Judgement("normalized", found, whole, (*(["spaces"] if line != text else []), *changes))


def form_score(text: str, headline: str | None = None) -> float:
    """The rubric: .2 for each of direction, size, asset, time frame and driver, in [0, 1]."""
    return len(judge(text, headline).slots) / len(PARTS)


def examples(horizon: Horizon) -> list[Example]:
    """Two paragraphs that look as far ahead as the run does."""
    return [Example(headline, answer.format(by=BY_HORIZON[horizon])) for headline, answer in _EXAMPLES]


def regex(horizon: Horizon) -> str:
    """A regular expression of strict paragraphs of three sentences: the move, its driver, its risk.

    Narrower than the rubric on purpose. The asset is a name, so that no verb slips into it, and what kind of asset. A
    sentence ends in a word of small letters, which no abbreviation does.
    """
    end = r" [a-z]{3,14}\."
    return (
        r"(The )?[A-Z][A-Za-z0-9]{0,12}( ([A-Z][A-Za-z0-9]{0,12}|[0-9]{1,2}-year|crude)){0,2} "
        r"(shares|stock|index|futures|yield|bonds|price|prices) "
        r"(should|will) (rise|fall|gain|drop|climb|decline) by (about|at least) "
        rf"([1-9][0-9]?([.][0-9])?|0[.][1-9])(%| percent| basis points) {BY_HORIZON[horizon]}\. "
        rf"(It is because|The move is driven by|The main driver is) {phrase(3, 14)}{end} "
        rf"The main risk is {phrase(2, 8)}{end}"
    )


FORMAT: Final = Format(
    name="paragraph",
    prompt_version="1",
    system=SYSTEM,
    template=TEMPLATE,
    stop=("\n\n",),
    examples=examples,
    judge=judge,
    form_score=form_score,
    regex=regex,
)
