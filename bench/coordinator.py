"""Processor time of the coordinator per rollout, with workers and an engine that take none.

`python bench/coordinator.py` runs a whole backfill through the real coordinator, Postgres (durable commits), Valkey and
Celery workers whose handler is instant: groups of 8 rollouts of 60 tokens under prompts of 300, each token with its id,
log-probability and flag. Printed are processor milliseconds (user and system) per rollout of the coordinator's
processes, and apart from them of Postgres'; and what a rollout takes of the database. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.coordinating.backfills import begin, import_corpus, until_ended
from bench.coordinating.parquet import bytes_per_rollout
from bench.coordinating.stack import KINDS, Json, Stack, Workers, machine, stack

WARM_UP_DAYS = 2
"""Days of a run before the measured one: imports, connection pools and caches of statements are paid by then."""


def rollouts(started: Stack) -> int:
    """The number of stored rollouts."""
    return int(started.query("select count(*) from rollouts")[0][0])


def sizes(started: Stack) -> dict[str, int]:
    """Bytes of the tables that grow with rollouts, each with its indices and its values out of line."""
    names = ("rollouts", "groups", "evaluations", "steps", "attempts", "events")
    return {name: int(started.query("select pg_total_relation_size(%s::regclass)", name)[0][0]) for name in names}


def measure(options: argparse.Namespace) -> Json:
    """Run the backfill; returns milliseconds per rollout."""
    with stack() as started:
        import_corpus(started, "made-up", max(options.days, WARM_UP_DAYS), options.headlines)
        started.start_workers({kind: Workers(options.workers) for kind in KINDS})
        begin(started, "WARMUP", "made-up", WARM_UP_DAYS)
        until_ended(started, "WARMUP")
        if options.hold:
            print(f"coordinator pid {started.coordinator.popen.pid}", file=sys.stderr)
        cpu, count = started.cpu(), rollouts(started)
        begin(started, "RUN", "made-up", options.days)
        seconds = until_ended(started, "RUN")
        spent = {name: value - cpu[name] for name, value in started.cpu().items()}
        made = rollouts(started) - count
        steps = int(started.query("select count(*) from steps")[0][0])
        tables = sizes(started)
        wal = int(started.query("select pg_current_wal_lsn() - '0/0'::pg_lsn")[0][0])
    return {
        "rollouts": made,
        "steps": steps,
        "wall seconds": round(seconds, 1),
        "rollouts per second": round(made / seconds, 1),
        "bytes per rollout": {name: round(size / (count + made)) for name, size in tables.items()}
        | {"write-ahead log": round(wal / (count + made))},
        "bytes of token arrays per rollout in Parquet": bytes_per_rollout(),
        "processor milliseconds per rollout": {name: round(s / made * 1e3, 3) for name, s in spent.items()},
    }


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--headlines", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of each kind")
    parser.add_argument("--hold", action="store_true", help="print the coordinator's process id, for a profiler")
    options = parser.parse_args()
    print(json.dumps({"machine": machine()} | vars(options) | measure(options), indent=1))


if __name__ == "__main__":
    main()
