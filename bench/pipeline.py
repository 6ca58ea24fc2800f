"""A backfill's wall time beside the sum of sampling alone and training alone, on the local stack of this machine.

`python bench/pipeline.py` runs the same backfill three times on one local stack, each under a name of its own: once to
warm up, once with one day at a time (`max_parallel_days=1`: no step of a kind runs beside one of another, so that its
generate steps and train steps are each alone), and once as it is by default. A kind's seconds are those during which
some step of it was claimed. With `--no-turns` engine and trainer do not take turns at the processors.

Then, as if engine and trainer were elsewhere: real coordinator, servers, queue and worker processes whose handlers wait
for given seconds and compute nothing. The wall time is compared with that of the slower kind.

It wants a quiet machine, and prints the load.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.backfilling.morrow_backfill import stack
from bench.backfilling.work import CORPUS, sample_days
from bench.coordinating import backfills
from bench.coordinating.stack import Workers
from bench.coordinating.stack import stack as stack_of_instant_workers
from services.cli.client import Client
from services.cli.commands.corpus import import_corpus
from services.cli.output.format import FINAL_RUN_STATES

Span = tuple[dt.datetime, dt.datetime]


def covered(spans: Iterable[Span]) -> float:
    """Seconds in which at least one of the spans runs."""
    seconds, until = 0.0, None
    for begin, end in sorted(spans):
        start = begin if until is None else max(begin, until)
        if end > start:
            seconds += (end - start).total_seconds()
        until = end if until is None else max(until, end)
    return seconds


def run(client: Client, name: str, days: list[str], config: dict[str, Any]) -> dict[str, float]:
    """Run a backfill; returns its wall seconds, from the first claim to the last result, and those of each kind."""
    body = {"name": name, "corpus": "sample", "from": days[0], "to": days[-1], "config": config}
    client.post("/v1/backfills", body)
    while (made := client.get(f"/v1/backfills/{name}"))["state"] not in FINAL_RUN_STATES:
        time.sleep(0.5)
    if made["state"] != "completed":
        raise SystemExit(f"{name} ended as {made['state']}: {made.get('reason')}")
    spans: dict[str, list[Span]] = {}
    for step in client.items(f"/v1/backfills/{name}/steps"):
        begin, end = (dt.datetime.fromisoformat(step[key]) for key in ("started_at", "finished_at"))
        spans.setdefault(step["kind"], []).append((begin, end))
    every = [span for some in spans.values() for span in some]
    wall = (max(end for _, end in every) - min(begin for begin, _ in every)).total_seconds()
    return {"wall": wall} | {kind: covered(some) for kind, some in sorted(spans.items())}


def show(name: str, figures: dict[str, float]) -> None:
    """Print a line."""
    kinds = "  ".join(f"{kind} {seconds:6.1f} s" for kind, seconds in figures.items())
    print(f"{name:<18}{kinds}  load {os.getloadavg()[0]:.1f}", flush=True)


def separate(days: int, sampling: float, training: float) -> None:
    """Measure and print a backfill whose steps wait: `sampling` and `training` seconds a day, each kind one worker."""
    with stack_of_instant_workers() as started:
        workers = {"generate": Workers(seconds=sampling), "evaluate": Workers(), "train": Workers(seconds=training)}
        started.start_workers(workers)
        backfills.import_corpus(started, "made-up", days, 4)
        backfills.begin(started, "separate", "made-up", days, headlines=4, rollouts=4)
        wall = backfills.until_ended(started, "separate")
    slower = days * max(sampling, training)
    print(f"separate machines, {days} days, {sampling:g} s of sampling and {training:g} s of training a day: ", end="")
    print(f"wall {wall:.1f} s / slower kind {slower:.1f} s = {wall / slower:.2f}  load {os.getloadavg()[0]:.1f}")


def on_this_machine(options: argparse.Namespace) -> None:
    """Measure and print backfills on the local stack."""
    days = [day.date for day in sample_days(options.days, options.headlines)]
    config = {"headlines": options.headlines, "rollouts": options.rollouts}
    print(f"{platform.machine()}, {os.cpu_count()} cores; {options.days} days x {options.headlines} headlines", end=" ")
    print(f"x {options.rollouts} rollouts; turns {'off' if options.no_turns else 'on'}")
    with tempfile.TemporaryDirectory(prefix="morrow-pipeline-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root the database runs under another account
        os.environ["MORROW_HOME"] = f"{folder}/home"
        if options.no_turns:
            os.environ["MORROW_COMPUTE_LOCK"] = ""
        with stack() as client:
            import_corpus(client, CORPUS, "sample", form="daily-json")
            run(client, "warm", days[:1], config)
            for number in range(options.pairs):
                apart = run(client, f"apart-{number}", days, config | {"max_parallel_days": 1})
                show("one day at a time", apart)
                together = run(client, f"together-{number}", days, config)
                show("as by default", together)
                alone = apart["generate"] + apart["train"]
                print(f"wall / (sampling alone + training alone) = {together['wall'] / alone:.2f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--headlines", type=int, default=4)
    parser.add_argument("--rollouts", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=1, help="of runs on this machine; 0 leaves them out")
    parser.add_argument("--no-turns", action="store_true", help="engine and trainer compute side by side")
    parser.add_argument("--separate-days", type=int, default=20, help="0 leaves separate machines out")
    options = parser.parse_args()
    if options.pairs:
        on_this_machine(options)
    if options.separate_days:
        separate(options.separate_days, sampling=2.5, training=1.5)
        separate(options.separate_days, sampling=1.5, training=2.5)


if __name__ == "__main__":
    main()
