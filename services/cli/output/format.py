"""Values in words, as tables and progress lines show them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from services.cli.output.markup import styled

COLOURS = {
    "published": "green",
    "scored": "green",
    "completed": "green",
    "running": "cyan",
    "generating": "cyan",
    "evaluating": "cyan",
    "training": "cyan",
    "failed": "red",
    "failing": "red",
    "paused": "yellow",
    "skipped": "yellow",
    "maturing": "yellow",
    "waiting": "yellow",
    "cancelled": "yellow",
}
FINAL_RUN_STATES = frozenset({"completed", "failed", "cancelled"})
KINDS = ("generate", "evaluate", "train")


def coloured(state: str) -> str:
    """A state with its colour."""
    colour = COLOURS.get(state)
    return styled(f"[{colour}]{{}}[/]", state) if colour else state


def day(date: str | None) -> str:
    """An ISO date as the files are named: YYYYMMDD; a dash for none."""
    return date.replace("-", "") if date else "–"


def span(seconds: float | None) -> str:
    """A duration: 8 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(text: str | None) -> str:
    """An ISO time to the second, in the local time zone."""
    return dt.datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else "–"


def took(started: str | None, finished: str | None) -> str:
    """How long it took, or a dash while it has not ended."""
    if not started or not finished:
        return "–"
    return span((dt.datetime.fromisoformat(finished) - dt.datetime.fromisoformat(started)).total_seconds())


def clock(started: str | None, finished: str | None) -> str:
    """The same as a clock shows it, 1:05 or 2:03:04; until now if it has not ended, empty if it has not begun."""
    if not started:
        return ""
    end = dt.datetime.fromisoformat(finished) if finished else dt.datetime.now(dt.UTC)
    whole = max(round((end - dt.datetime.fromisoformat(started)).total_seconds()), 0)
    hours, minutes, seconds = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def brief(policy: str | None, run: str) -> str:
    """A policy or checkpoint name without the run's own name in front of it."""
    return (policy or "–").removeprefix(f"{run}-")


def counts(numbers: Mapping[str, int] | None) -> str:
    """`3 published, 1 failed`, or a dash for nothing."""
    return ", ".join(f"{number} {name}" for name, number in (numbers or {}).items() if number) or "–"


def share_done(states: Mapping[str, int] | None) -> str:
    """`1/2`: steps done of those that exist, or empty."""
    total = sum((states or {}).values())
    return f"{(states or {}).get('done', 0)}/{total}" if total else ""


def steps(by_kind: Mapping[str, Mapping[str, int]] | None) -> str:
    """`generate 2/2 · evaluate 0/1`: steps done of those that exist so far."""
    said = []
    for kind in KINDS:
        if share := share_done((by_kind or {}).get(kind)):
            said.append(f"{kind} {share}")
    return " · ".join(said) or "–"


def fraction(run: Mapping[str, Any]) -> float:
    """Share of a run's work that is done, in [0, 1]."""
    return float((run.get("progress") or {}).get("fraction") or 0.0)
