"""The verdict on a text as a forecast line."""

from __future__ import annotations

import re

from shared.forecast.abstention import declined
from shared.forecast.formats.one_line.repair import repaired
from shared.forecast.judgement import Judgement
from shared.forecast.slots import KEYS, Slots, render, slot_failure

_PIECE = re.compile(r"([A-Za-z]+) ?= ?(.*)")
Piece = tuple[str | None, str]
_CANONICAL = {key.casefold(): key for key in KEYS}


def judge(text: str, headline: str | None = None) -> Judgement:
    """Judge a text as a line of eight slots. With a headline, a slot that repeats it fails. Never raises."""
    line = " ".join(text.split())
    if not line:
        return Judgement("malformed", failure="the text is empty")
    if abstention := declined(line):
        return abstention
    if len(text.strip().splitlines()) > 1:
        return Judgement("malformed", failure="the text has more than one line")
    pieces, changes = _pieces(text, line)
    slots: Slots = {}
    for key, value in pieces:
        if key is not None and key not in slots:
            slots[key], changed = repaired(key, value)
            changes += changed
    return _verdict(text, pieces, slots, changes, headline)


def _verdict(text: str, pieces: list[Piece], slots: Slots, changes: list[str], headline: str | None) -> Judgement:
    reasons = {key: reason for key in slots if (reason := slot_failure(key, slots[key], headline))}
    sound = {key: value for key, value in slots.items() if key not in reasons}
    failed = _misplaced([key for key, _ in pieces]) or next(
        ((key, f"{key} {reasons[key]}") for key in KEYS if key in reasons), None
    )
    if failed:
        return Judgement("malformed", sound, failed_slot=failed[0], failure=failed[1])
    line = render(slots)
    if line == text:
        return Judgement("strict", slots, line)
    return Judgement("normalized", slots, line, tuple(changes))


def _pieces(text: str, line: str) -> tuple[list[Piece], list[str]]:
    """The line's parts between semicolons as (canonical key or None, value), and what was overlooked in them."""
    read = [_piece(part.strip()) for part in line.split(";")]
    tidy = "; ".join(written for _, _, written in read)
    changes = [] if text in (tidy, tidy.rstrip()) else ["spaces"]
    if len(read) > 1 and not read[-1][2]:
        read.pop()
        changes.append("final semicolon")
    pieces = [(key, value) for key, value, _ in read]
    if pieces[-1][0] == "Confidence" and pieces[-1][1].endswith("."):
        pieces[-1] = ("Confidence", pieces[-1][1].rstrip(" ."))
        changes.append("final period")
    if any(key and not written.startswith(key) for key, _, written in read):
        changes.append("key case")
    return pieces, changes


def _piece(part: str) -> tuple[str | None, str, str]:
    """Canonical key or None, value, and the part with the key's own letters but without loose spaces."""
    found = _PIECE.fullmatch(part)
    key = _CANONICAL.get(found[1].casefold()) if found else None
    if not found or not key:
        return None, part, part
    return key, found[2], f"{found[1]}={found[2]}"


def _misplaced(keys: list[str | None]) -> tuple[str | None, str] | None:
    """The first slot that is missing, doubled or out of order, with the reason; None if all eight stand in order."""
    if keys == list(KEYS):
        return None
    for key in KEYS:
        if keys.count(key) != 1:
            return key, f"{key} {'appears twice' if key in keys else 'is missing'}"
    if None in keys:
        before = keys[keys.index(None) - 1] if keys[0] is not None else None
        return before, "there is text that belongs to no slot"
    wrong = next(key for key, expected in zip(keys, KEYS, strict=True) if key != expected)
    return wrong, f"{wrong} is out of order"
