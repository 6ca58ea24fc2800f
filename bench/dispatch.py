"""Seconds from a posted result to the claim of the step that depends on it, with real servers and real workers.

`python bench/dispatch.py` starts Postgres (durable commits), Valkey, the coordinator and Celery workers whose handler
is instant, and runs backfills. A hop begins when a worker begins to post the last result that a stage waits for, and
ends when a worker has the answer that grants the stage's first step. It contains the transaction that stores the
result, the message's way through the outbox, the broker and Celery, and the claim. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.coordinating.backfills import begin, import_corpus, until_ended
from bench.coordinating.stack import KINDS, Json, Workers, machine, stack

LAG = 1
Stage = tuple[str, dt.date, str]
"""Run, day and kind of step."""


def hops(calls: Sequence[Json]) -> Iterator[tuple[str, float]]:
    """Each hop's name and seconds."""
    posted: dict[Stage, float] = {}
    claimed: dict[Stage, float] = {}
    for call in calls:
        stage = (call["run"], dt.date.fromisoformat(call["date"]), call["kind"])
        if call["call"] == "complete":
            posted[stage] = max(posted.get(stage, 0.0), call["before"])
        else:
            claimed[stage] = min(claimed.get(stage, float("inf")), call["after"])
    for (run, day, kind), at in claimed.items():
        causes = [(name, posted[run, of, name]) for of, name in _needs(day, kind) if (run, of, name) in posted]
        if causes:
            cause, since = max(causes, key=lambda one: one[1])
            yield f"{cause} -> {kind}", at - since


def _needs(day: dt.date, kind: str) -> list[tuple[dt.date, str]]:
    """The stages that a stage waits for, in a run of consecutive days."""
    before = day - dt.timedelta(days=1)
    return {
        "generate": [(before - dt.timedelta(days=LAG), "train")],
        "evaluate": [(day, "generate")],
        "train": [(day, "evaluate"), (before, "train")],
    }[kind]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(options: argparse.Namespace) -> Json:
    """Run the backfills; returns milliseconds by kind of hop."""
    with stack() as started:
        import_corpus(started, "made-up", options.days, options.headlines)
        started.start_workers({kind: Workers(options.workers) for kind in KINDS})
        names = [f"RUN{number}" for number in range(options.runs)]
        for name in names:
            begin(started, name, "made-up", options.days, lag=LAG)
        seconds = until_ended(started, *names)
        by_kind: dict[str, list[float]] = defaultdict(list)
        for name, value in hops(started.calls()):
            by_kind[name].append(value)
            by_kind["all"].append(value)
    return {
        "seconds of the backfills": round(seconds, 1),
        "milliseconds": {
            name: {"hops": len(values)}
            | {f"p{share}": round(quantile(values, share / 100) * 1e3, 1) for share in (50, 95)}
            | {"max": round(max(values) * 1e3, 1)}
            for name, values in sorted(by_kind.items())
        },
    }


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--headlines", type=int, default=4)
    parser.add_argument("--runs", type=int, default=1, help="backfills side by side")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of each kind")
    options = parser.parse_args()
    print(json.dumps({"machine": machine()} | vars(options) | measure(options), indent=1))


if __name__ == "__main__":
    main()
