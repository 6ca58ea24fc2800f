"""Declining to forecast, `No forecast: <reason>`: the same in every format."""

from __future__ import annotations

import re
from typing import Final

from shared.forecast.judgement import Judgement
from shared.forecast.slots import placeholder

ABSTENTION: Final = r"No forecast ?: ?(\S.*)"
"""An abstention and its reason (group 1)."""

_ABSTENTION = re.compile(ABSTENTION, re.IGNORECASE)


def declined(line: str) -> Judgement | None:
    """The verdict on a line without loose spaces that begins as an abstention does; None of any other."""
    if not line.casefold().startswith("no forecast"):
        return None
    found = _ABSTENTION.fullmatch(line)
    reason = found[1] if found else ""
    if not any(character.isalpha() for character in reason) or placeholder("Claim", reason):
        return Judgement("malformed", failure="an abstention gives its reason: No forecast: <reason>")
    return Judgement("abstained")
