"""How far a run has come and how long the rest will take. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """When one step was worked on."""

    started_at: dt.datetime
    finished_at: dt.datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()


def parallelism(spans: Sequence[Span]) -> float:
    """Steps that were worked on at once, on average over the time that the spans cover; at least 1."""
    if not spans:
        return 1.0
    covered = (max(s.finished_at for s in spans) - min(s.started_at for s in spans)).total_seconds()
    return max(1.0, sum(s.seconds for s in spans) / covered) if covered > 0 else 1.0


def eta_seconds(remaining: Mapping[str, int], mean: Mapping[str, float], recent: Sequence[Span]) -> float | None:
    """Seconds until the remaining steps of each kind are done, at the mean cost of those done.

    None until each kind that remains has been seen once.
    """
    open_kinds = [kind for kind, count in remaining.items() if count > 0]
    if any(kind not in mean for kind in open_kinds):
        return None
    return sum(remaining[kind] * mean[kind] for kind in open_kinds) / parallelism(recent)
