"""A backfill of three real days through two replicas of vLLM's own server, two workers, adapters swapped daily.

Run by itself: `python bench/vllm_backfill.py` (the sample corpus), or with `--archive FOLDER --timezone TZ --first DAY`
for another. Each worker talks to one engine; a syncer beside each engine gives it every day's checkpoint. Told are, for
each rollout day, which policies spoke (exactly one), and for each checkpoint the seconds each replica took.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from bench.swapping.fleet import Fleet, add_replicas, fleet  # noqa: E402

SAMPLE = ROOT / "services/cli/sample_corpus"


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, default=SAMPLE, help="headlines, as `morrow corpus import` takes them")
    parser.add_argument("--timezone", default="UTC")
    parser.add_argument(
        "--first", type=dt.date.fromisoformat, default=None, help="first day; the corpus' first if absent"
    )
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--headlines", type=int, default=4, help="headlines a day")
    parser.add_argument("--engine", choices=("cpu", "vllm"), default="vllm")
    parser.add_argument(
        "--engine-url", action="append", default=[], help="a running engine to use instead of one started"
    )
    parser.add_argument("--vllm-python", default=str(ROOT / ".venv-vllm/bin/python"))
    parser.add_argument("--set", action="append", default=[], help="key=value of the run's configuration")
    parser.add_argument(
        "--folder", type=Path, required=True, help="where all of it is kept: database, store, logs, report"
    )
    return parser.parse_args()


def morrow(made: Fleet, *arguments: str) -> None:
    """One command of the command line against the fleet's coordinator."""
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    subprocess.run(command, check=True, env=os.environ | {"MORROW_URL": made.coordinator_url}, cwd=ROOT)


def start_workers(made: Fleet) -> None:
    """An inference worker for each engine, an evaluator and a trainer."""
    common: dict[str, Any] = {"coordinator_url": made.coordinator_url, "broker_url": made.broker_url}
    model = common | {"base_model_path": made.model, "store": made.store}
    for number, replica in enumerate(made.replicas):
        made.module(f"inference{number}", "services.inference.worker.main", engine_url=replica.engine_url, **model)
    made.module("evaluator", "services.evaluator.main", "worker", engine_url=made.replicas[0].engine_url, **common)
    made.module("trainer", "services.trainer.main", **model)


def pages(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    """Every item of a listing."""
    cursor = ""
    while True:
        page = (
            client.get(path, params={"limit": 100} | ({"cursor": cursor} if cursor else {})).raise_for_status().json()
        )
        yield from page["items"]
        cursor = page["next"] or ""
        if not cursor:
            return


def tell(client: httpx.Client, run: str) -> None:
    """Which policy spoke on which day, and how long each replica took to hold each checkpoint."""
    spoke: dict[str, Counter[str]] = {}
    for rollout in pages(client, f"/v1/backfills/{run}/rollouts"):
        spoke.setdefault(str(rollout.get("date")), Counter())[rollout["policy"]] += 1
    print("\nrollouts by day and policy")
    for date, policies in sorted(spoke.items()):
        print(f"  {date}: " + ", ".join(f"{count} by {policy}" for policy, count in policies.items()))
    print("swaps")
    for swap in pages(client, "/v1/swaps"):
        took = f"loaded in {swap['load_seconds']} s, held {swap['seconds']} s after it was wanted"
        print(f"  {swap['checkpoint']} on {swap['engine']}: {took}")


def main() -> None:
    """Import, run, report."""
    options = parse()
    from services.inference.embedded_model import embedded_model

    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    model = embedded_model(ROOT / ".morrow/models/SmolLM2-135M-Instruct")
    with fleet(folder, model) as made:
        add_replicas(made, options.engine, options.engine_url, 2, options.vllm_python, served_weights=False, grace=30.0)
        start_workers(made)
        morrow(made, "corpus", "import", str(options.archive), "--name", "headlines", "--timezone", options.timezone)
        asked = ["--corpus", "headlines", "--run", "VLLM", "--headlines", str(options.headlines), "--wait"]
        if options.first:
            last = options.first + dt.timedelta(days=options.days - 1)
            asked += ["--from", f"{options.first:%Y%m%d}", "--to", f"{last:%Y%m%d}"]
        for pair in ["generate_chunk=1", *options.set]:
            asked += ["--set", pair]
        began = time.monotonic()
        morrow(made, "backfill", *asked)
        print(f"the backfill took {time.monotonic() - began:.0f} s")
        morrow(made, "report", "VLLM")
        with httpx.Client(base_url=made.coordinator_url, timeout=60, trust_env=False) as client:
            tell(client, "VLLM")


if __name__ == "__main__":
    main()
