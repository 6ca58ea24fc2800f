"""Values as text for tables and progress lines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
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
MAX_SKIPPED_SHOWN = 20
KINDS = ("generate", "evaluate", "train")


def coloured(state: str) -> str:
    """A state as Markup in its colour."""
    colour = COLOURS.get(state)
    return styled(f"[{colour}]{{}}[/]", state) if colour else state


def day(date: str | None) -> str:
    """An ISO date as YYYYMMDD, as in file names; a dash for None."""
    return date.replace("-", "") if date else "–"


def span(seconds: float | None) -> str:
    """A duration in seconds as text: 8 s, 3 min 20 s, 2 h 05 min; a dash for None."""
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
    """The duration between two ISO times as text; a dash while one is missing."""
    if not started or not finished:
        return "–"
    return span((dt.datetime.fromisoformat(finished) - dt.datetime.fromisoformat(started)).total_seconds())


def clock(started: str | None, finished: str | None) -> str:
    """The duration as m:ss or h:mm:ss, until now if it has not finished; empty if it has not started."""
    if not started:
        return ""
    end = dt.datetime.fromisoformat(finished) if finished else dt.datetime.now(dt.UTC)
    whole = max(round((end - dt.datetime.fromisoformat(started)).total_seconds()), 0)
    hours, minutes, seconds = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def brief(policy: str | None, run: str) -> str:
    """A policy's or checkpoint's name without the prefix of its run."""
    return (policy or "–").removeprefix(f"{run}-")


def counts(numbers: Mapping[str, int] | None) -> str:
    """Counts as `3 published, 1 failed`, without zeros; a dash for none."""
    return ", ".join(f"{number} {name}" for name, number in (numbers or {}).items() if number) or "–"


def skipped_rows(bad: Sequence[Mapping[str, str]]) -> list[str]:
    """One line per row that an import skipped, for the first MAX_SKIPPED_SHOWN, and one that counts the others."""
    lines = [f"  skipped {row['origin']}: {row['reason']}" for row in bad[:MAX_SKIPPED_SHOWN]]
    return lines + ([f"  … and {len(bad) - MAX_SKIPPED_SHOWN} more"] if len(bad) > MAX_SKIPPED_SHOWN else [])


def share_done(states: Mapping[str, int] | None) -> str:
    """Steps done of those that exist, as `1/2`; empty without steps."""
    total = sum((states or {}).values())
    return f"{(states or {}).get('done', 0)}/{total}" if total else ""


def steps(by_kind: Mapping[str, Mapping[str, int]] | None) -> str:
    """Steps done of those that exist, by kind: `generate 2/2 · evaluate 0/1`."""
    parts = []
    for kind in KINDS:
        if share := share_done((by_kind or {}).get(kind)):
            parts.append(f"{kind} {share}")
    return " · ".join(parts) or "–"


def fraction(run: Mapping[str, Any]) -> float:
    """A run's progress in [0, 1]."""
    return float((run.get("progress") or {}).get("fraction") or 0.0)
