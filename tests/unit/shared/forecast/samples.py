"""Texts for the properties of formats: samples of a regular expression, lines within its bounds, and damaged texts."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from shared.forecast import DOMAINS, HORIZONS, KEYS, Slots, render

ALPHANUMERIC = string.ascii_letters + string.digits
JOINTS = ".'&/-"
Sampler = Callable[[Random], str]


def sample(regex: str, random: Random) -> str:
    """A string of a regular expression of literals, classes, groups, choices and repetitions."""
    return _sampler(regex)(random)


@cache
def _sampler(regex: str) -> Sampler:
    """What samples an expression: it is read once, and drawn from by the ten thousand."""
    return _sequence(re._parser.parse(regex))  # type: ignore[attr-defined]


def _sequence(nodes: Any) -> Sampler:
    parts = [_part(str(kind), argument) for kind, argument in nodes]
    return parts[0] if len(parts) == 1 else lambda random: "".join([part(random) for part in parts])


def _part(kind: str, argument: Any) -> Sampler:
    match kind:
        case "LITERAL":
            character = chr(argument)
            return lambda random: character
        case "IN":
            classes = [_characters(str(kind), chosen) for kind, chosen in argument]
            return lambda random: random.choice(random.choice(classes))
        case "SUBPATTERN":
            return _sequence(argument[3])
        case "BRANCH":
            branches = [_sequence(branch) for branch in argument[1]]
            return lambda random: random.choice(branches)(random)
        case "MAX_REPEAT":
            return _repeated(*argument)
    raise AssertionError(f"the expression holds {kind}, for which there is no sample")


def _characters(kind: str, chosen: Any) -> str:
    minimum, maximum = (chosen, chosen) if kind == "LITERAL" else chosen
    return "".join(map(chr, range(minimum, maximum + 1)))


def _repeated(minimum: int, maximum: int, nodes: Any) -> Sampler:
    """The bounds come as often as all that lies between them: that is where mistakes are. Without an upper one, 20."""
    maximum = min(maximum, 20)
    body, counts = _sequence(nodes), range(minimum, maximum + 1)
    return lambda random: "".join(
        [body(random) for _ in range(random.choice((minimum, maximum, random.choice(counts))))]
    )


def name(random: Random, maximum: int = 14) -> str:
    """A word that begins with a letter, of at maximum `maximum` letters and digits before at maximum two joints."""
    head = random.choice(string.ascii_letters) + "".join(random.choices(ALPHANUMERIC, k=random.randrange(maximum)))
    tails = ["".join(random.choices(ALPHANUMERIC, k=random.randint(1, 9))) for _ in range(random.choice((0, 0, 1, 2)))]
    return head + "".join(random.choice(JOINTS) + tail for tail in tails)


def number(random: Random) -> str:
    """A number: sign, thousands, decimals, and a unit."""
    thousands = "".join(f",{random.randrange(1000):03}" for _ in range(random.choice((0, 0, 1, 2))))
    decimals = random.choice(("", f".{random.randrange(10_000)}"))
    unit = random.choice(("", "%", "bn", "bps", "-day"))
    return f"{random.choice(('', '$', '+', '-'))}{random.randrange(10_000)}{thousands}{decimals}{unit}"


def phrase(random: Random, minimum: int, maximum: int) -> str:
    """A phrase of `minimum` to `maximum` words within the bounds of the expression."""
    words = [
        name(random) if random.random() < 0.8 else number(random) for _ in range(random.randint(minimum, maximum) - 1)
    ]
    commas = [word + random.choice(("", "", ",")) for word in words[:-1]] + words[-1:]
    return " ".join([name(random), *commas])


def line_slots(random: Random) -> Slots:
    """The slots of a line within the bounds of the expression."""
    first = random.choice("ABCDEFGHIJKLMNOQRSTUVWXYZ") + name(random, 12)[1:]
    more = [name(random) if random.random() < 0.8 else number(random) for _ in range(random.randrange(4))]
    return {
        "Domain": random.choice(DOMAINS),
        "Proxy": " ".join([first, *more]),
        "Horizon": random.choice(HORIZONS),
        "Prob": f"{random.randint(0, 100)}%",
        "Claim": phrase(random, 5, 16),
        "Rationale": phrase(random, 4, 16),
        "Risk": phrase(random, 2, 6),
        "Confidence": random.choice("0123"),
    }


PIECES = (
    *(f"{key}=" for key in KEYS),
    *(
        "; ",
        ";",
        " ",
        "  ",
        "=",
        "<",
        ">",
        "...",
        "…",
        "\n",
        "\t",
        "\x00",
        ".",
        ",",
        "%",
        "60",
        "101%",
        "é",
        "2",
        "-",
        "$",
    ),
    *(
        "a",
        "Z",
        "the",
        "Prob",
        "MarketMove",
        "1w",
        "Oil",
        "No forecast: ",
        ". ",
        "! ",
        "U.S. ",
        "by tomorrow",
        "falls 2%",
    ),
)


def damaged(text: str, random: Random) -> str:
    """The text after one to three edits: a stretch dropped, doubled, moved, or replaced by something that matters."""
    for _ in range(random.randint(1, 3)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice((0, 0, 1, 1, 2, 5, 12, 60)))
        stretch = text[start:end]
        match random.randrange(5):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:end] + stretch + text[end:]
            case 2:
                place = random.randint(0, len(text) - len(stretch))
                rest = text[:start] + text[end:]
                text = rest[:place] + stretch + rest[place:]
            case 3:
                text = text[:start] + stretch.swapcase() + text[end:]
            case _:
                text = text[:start] + random.choice(PIECES) + text[end:]
    return text


def damaged_line(random: Random) -> str:
    """A line within the bounds of the expression that has been edited."""
    return damaged(render(line_slots(random)), random)
