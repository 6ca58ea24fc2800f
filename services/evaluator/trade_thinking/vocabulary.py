"""The words of the default trade-thinking rubric, as regular-expression sources; letter case does not matter."""

from __future__ import annotations

from typing import Final

NOT_TICKERS: Final = frozenset(  # Words and names of institutions that stand in capitals.
    "AI AM "  # noqa: SIM905
    "AND APR AT AUG BE BOE BOJ BUT BUY BY CEO CFO CFTC COO CPI DEC DOJ DOWN ECB EDT EPS EST ET ETF EU FALL FALLS "
    "FDA FEB FED FOMC FOR FROM FTC GDP HAS HIGH HOLD IF IMF IN IPO IS ISM IT ITS JAN JUL JUN LINE LONG LOW MAR MAY "
    "NA NATO NFP NO NONE NOT NOV NOW OCT OF OK ON ONE OPEC OR PCE PM PMI PPI PST QOQ RBA RISE RISK SEC SELL SEP SHORT "
    "SL SO STOP TBD THE THIS TO TP TRUE UK UN UNDER UP US USA USD UTC WHO WILL WITH YES YOY".split()
)
NAMES = (
    r"S&P(?: ?500)?|Nasdaq|Dow(?: Jones)?|Russell 2000|FTSE|DAX|Nikkei|Hang Seng|Stoxx|Treasury|Treasuries|T-bills?|"
    r"gilts?|bunds?|(?:2|5|10|30)-year|gold|silver|copper|platinum|crude|oil|Brent|WTI|natural gas|wheat|corn|"
    r"bitcoin|ether(?:eum)?|solana|dollar|euro|yen|sterling|yuan|VIX|volatility index"
)
WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
MONTH = (
    r"(?:january|february|march|april|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
COUNT = r"(?:a|an|one|two|three|four|five|six|seven|ten|\d+(?: ?[-–] ?\d+)?)"
UP_DOWN = (
    r"ris(?:e|es|ing)|fall(?:s|ing)?|gain(?:s|ing)?|drop(?:s|ping)?|declin(?:e|es|ing)|climb(?:s|ing)?|rall(?:y|ies|ying)|"
    r"slid(?:e|es|ing)|slip(?:s|ping)?|slump(?:s|ing)?|surg(?:e|es|ing)|jump(?:s|ing)?|plung(?:e|es|ing)|tumbl(?:e|es|ing)|"
    r"rebound(?:s|ing)?|advanc(?:e|es|ing)|weaken(?:s|ing)?|strengthen(?:s|ing)?|"
    r"increas(?:e|es|ing)|decreas(?:e|es|ing)"
)
NUMBER = r"[~≈]?[$€£¥]?\d[\d,]*(?:\.\d+)?(?: ?(?:k|m|bn|million|billion|trillion)\b)?"
UNIT = r"(?:%| ?(?:percent|per cent|bps?|basis points|points|pips))"
NO_YEAR = r"(?!(?:19|20)\d\d(?![\d%]|[.,]\d))"
NOT_A_LEVEL = (
    r"(?! ?(?:%|percent)? ?(?:prob|chance|likel|odds|confiden|sure)|:\d| ?[ap]\.?m\b|"
    r"[ -](?:words?|hours?|days?|weeks?|months?|quarters?|years?|minutes?|people|times)\b)"
)
ABOUT = r"(?:(?:at least|at most|more than|less than|about|around|roughly|nearly|another|up to|or|near|the|a|of) )"
CUES = (
    "above|below|over|under|near|around|past|through|at|to|stop|stop-loss|target|targets|targeting|tp|sl|entry|exit|"
    "support|resistance"
)
CATALYSTS = (
    r"earnings|guidance|CPI|PCE|PPI|GDP|PMI|jobs(?: report| data)?|payrolls?|NFP|unemployment|jobless claims|inflation|"
    r"Fed|FOMC|ECB|BOJ|Bank of (?:Japan|England|Canada)|Powell|rates? (?:cut|hike|decision|path)s?|tariffs?|sanctions?|"
    r"export (?:curb|control|ban)s?|deal|merger|acquisition|buyout|takeover|buybacks?|spin-?off|dividend|upgrade[sd]?|"
    r"downgrade[sd]?|IPO|OPEC\+?|ruling|lawsuit|verdict|appeal|approval|recall|layoffs?|strike|ceasefire|invasion|summit|"
    r"stimulus|shutdown|auction|default|bankruptcy|launch|trial|vote|inventor(?:y|ies)|retail sales|housing starts"
)
RISKS = (
    r"(?<!know )if|unless|downside|upside|stop-?loss|stop|invalid(?:ated|ates)?|fail(?:s|ed|ure)?|surprises?|hawkish|"
    r"dovish|miss(?:es)?|guid(?:e|es|ance) (?:down|cut)|revers(?:al|es)|delay(?:s|ed)?|escalation|hotter|cooler|softer|"
    r"unexpected(?:ly)?|shock|pullback|profit[- ]taking|slowdown|recession|intervention|backlash|retaliation"
)
