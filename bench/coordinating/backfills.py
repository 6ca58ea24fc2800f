"""Corpora and backfills of any size, made over the coordinator's API."""

from __future__ import annotations

import datetime as dt
import time

from bench.coordinating.stack import Stack, wait

FIRST = dt.date(2020, 1, 1)
ROWS_AT_ONCE = 20_000


def import_corpus(started: Stack, name: str, days: int, headlines: int) -> None:
    """Import a corpus of `days` days, and one more for the outcomes of the last."""
    rows = [
        {
            "origin": f"made-up:{number}:{place}",
            "text": f"Company {place} of sector {place % 7} reports results of quarter {number} above expectations",
            "published_at": f"{FIRST + dt.timedelta(days=number)}T{9 + place // 60 % 12:02d}:{place % 60:02d}:00Z",
            "date": (FIRST + dt.timedelta(days=number)).isoformat(),
        }
        for number in range(days + 1)
        for place in range(headlines)
    ]
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        started.post(f"/v1/corpora/{name}/imports", {"rows": rows[begin : begin + ROWS_AT_ONCE]})


def begin(started: Stack, run: str, corpus: str, days: int, **config: object) -> None:
    """Start a backfill of the corpus' first `days` days."""
    last = FIRST + dt.timedelta(days=days - 1)
    body = {"name": run, "corpus": corpus, "from": FIRST.isoformat(), "to": last.isoformat(), "config": config}
    started.post("/v1/backfills", body)


def until_ended(started: Stack, *runs: str) -> float:
    """Wait until runs have ended; returns the seconds that it took. Exits unless all are completed."""
    began = time.monotonic()
    ends = {"completed", "failed", "cancelled"}
    wait(lambda: all(started.state(run) in ends for run in runs), f"the end of {', '.join(runs)}", every=0.05)
    states = {run: started.state(run) for run in runs}
    if set(states.values()) != {"completed"}:
        raise SystemExit(f"the runs ended as {states}")
    return time.monotonic() - began
