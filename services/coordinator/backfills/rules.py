"""Parallelism and remaining time of a run. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkPeriod:
    """The time from the claim of a step to its result."""

    started_at: dt.datetime
    finished_at: dt.datetime

    @property
    def seconds(self) -> float:
        """The length of the period in seconds."""
        return (self.finished_at - self.started_at).total_seconds()


def parallelism(periods: Sequence[WorkPeriod]) -> float:
    """Mean number of simultaneous steps over the time that the periods cover; at least 1."""
    if not periods:
        return 1.0
    covered = (max(s.finished_at for s in periods) - min(s.started_at for s in periods)).total_seconds()
    return max(1.0, sum(s.seconds for s in periods) / covered) if covered > 0 else 1.0


def eta_seconds(remaining: Mapping[str, int], mean: Mapping[str, float], recent: Sequence[WorkPeriod]) -> float | None:
    """Seconds until the remaining steps are done, at the mean seconds of the done steps of each kind.

    None until a step of each remaining kind is done.
    """
    open_kinds = [kind for kind, count in remaining.items() if count > 0]
    if any(kind not in mean for kind in open_kinds):
        return None
    return sum(remaining[kind] * mean[kind] for kind in open_kinds) / parallelism(recent)
