"""Morrow's side of bench/end_to_end.py: the days as a backfill on the local stack, started in an empty folder."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.backfilling.work import CORPUS, Figures, add_size, run_config, sample_days, write
from services.cli.client import Client
from services.cli.commands.corpus import import_corpus
from services.cli.connect import connect, local_home
from services.cli.local.control import launch, stop_stack, wait_until_ready
from services.cli.output.format import FINAL_RUN_STATES

RUN = "end-to-end"


@contextmanager
def stack() -> Iterator[Client]:
    """The local stack in MORROW_HOME; it stops at the end of the block."""
    home = local_home()
    wait_until_ready(home, launch(home, tied=True), lambda *_: None)
    try:
        yield connect()
    finally:
        stop_stack(home)


def backfill(client: Client, first: str, last: str, settings: dict[str, object]) -> float:
    """Run a backfill of the sample corpus to its end; returns its seconds. Raises SystemExit if it fails."""
    body = {"name": RUN, "corpus": "sample", "from": first, "to": last, "config": settings}
    started = time.perf_counter()
    client.post("/v1/backfills", body)
    while (run := client.get(f"/v1/backfills/{RUN}"))["state"] not in FINAL_RUN_STATES:
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    if run["state"] != "completed":
        raise SystemExit(f"the backfill ended as {run['state']}: {run.get('reason')}")
    return seconds


def counted(client: Client, run: str) -> Figures:
    """What a run did: headlines by day, rollouts, optimizer steps, checkpoints, tokens; by kind the steps' seconds."""
    headlines: dict[str, dict[int, str]] = {}
    rollouts = tokens = sampled = 0
    for rollout in client.items(f"/v1/backfills/{run}/rollouts", tokens="true"):
        date = rollout["date"].replace("-", "")
        headlines.setdefault(date, {})[rollout["group_id"]] = rollout["headline"]
        rollouts += 1
        tokens += len(rollout["tokens"]["token_ids"])
        sampled += rollout["sampled_tokens"]
    seconds: Counter[str] = Counter()
    steps = 0
    for step in client.items(f"/v1/backfills/{run}/steps"):
        seconds[step["kind"]] += step["seconds"] or 0.0
        steps += step["figures"].get("updates", 0)
    return {
        "headlines": {date: list(groups.values()) for date, groups in headlines.items()},
        "rollouts": rollouts,
        "tokens": tokens,
        "sampled": sampled,
        "steps": steps,
        "checkpoints": sum(1 for _ in client.items(f"/v1/backfills/{run}/checkpoints")),
        "seconds by kind": dict(seconds),
    }


def main() -> None:
    """Write morrow.json into a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--set", action="append", default=[], help="key=value of the run's configuration")
    add_size(parser)
    options = parser.parse_args()
    config, days = run_config(options), sample_days(options.days, options.headlines)
    os.environ |= {"MORROW_HOME": str(options.folder / "home"), "MORROW_BASE_MODEL_PATH": options.model}
    settings: dict[str, object] = config.model_dump(include={"headlines", "rollouts", "max_tokens"})
    settings |= dict(pair.split("=", 1) for pair in options.set)
    with stack() as client:
        import_corpus(client, CORPUS, "sample", form="daily-json")
        seconds = backfill(client, days[0].date, days[-1].date, settings)
        write(options.folder, "morrow", {"seconds": seconds} | counted(client, RUN))


if __name__ == "__main__":
    main()
