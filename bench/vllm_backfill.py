"""A backfill of three days with two replicas of vLLM's server and two inference workers; the adapter is swapped daily.

Run `python bench/vllm_backfill.py` for the sample corpus, or with `--archive FOLDER --timezone TZ --first DAY` for
another. Each worker uses one engine; a syncer beside each engine loads every day's checkpoint. Printed are the policies
of each day's rollouts (exactly one per day), and the seconds that each replica took to load each checkpoint.
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
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, default=SAMPLE, help="headlines in a format of `morrow corpus import`")
    parser.add_argument("--timezone", default="UTC")
    parser.add_argument(
        "--first", type=dt.date.fromisoformat, default=None, help="first day; default: the corpus' first"
    )
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--headlines", type=int, default=4, help="headlines per day")
    parser.add_argument("--engine", choices=("cpu", "vllm"), default="vllm")
    parser.add_argument(
        "--engine-url", action="append", default=[], help="URL of a running engine to use; repeat for several"
    )
    parser.add_argument("--vllm-python", default=str(ROOT / ".venv-vllm/bin/python"))
    parser.add_argument("--set", action="append", default=[], help="key=value of the run's configuration")
    parser.add_argument("--folder", type=Path, required=True, help="folder for database, store, logs and report")
    return parser.parse_args()


def morrow(started: Fleet, *arguments: str) -> None:
    """Run a `morrow` command against the fleet's coordinator."""
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    subprocess.run(command, check=True, env=os.environ | {"MORROW_URL": started.coordinator_url}, cwd=ROOT)


def start_workers(started: Fleet) -> None:
    """Start an inference worker per engine, an evaluator and a trainer."""
    common: dict[str, Any] = {"coordinator_url": started.coordinator_url, "broker_url": started.broker_url}
    model = common | {"base_model_path": started.model, "store": started.store}
    for number, replica in enumerate(started.replicas):
        started.module(f"inference{number}", "services.inference.worker.main", engine_url=replica.engine_url, **model)
    started.module(
        "evaluator", "services.evaluator.main", "worker", engine_url=started.replicas[0].engine_url, **common
    )
    started.module("trainer", "services.trainer.main", **model)


def pages(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    """All items of a list, page by page."""
    cursor = ""
    while True:
        page = (
            client.get(path, params={"limit": 100} | ({"cursor": cursor} if cursor else {})).raise_for_status().json()
        )
        yield from page["items"]
        cursor = page["next"] or ""
        if not cursor:
            return


def print_figures(client: httpx.Client, run: str) -> None:
    """Print the policies of each day's rollouts, and the seconds until each replica had loaded each checkpoint."""
    policies_by_day: dict[str, Counter[str]] = {}
    for rollout in pages(client, f"/v1/backfills/{run}/rollouts"):
        policies_by_day.setdefault(str(rollout.get("date")), Counter())[rollout["policy"]] += 1
    print("\nrollouts by day and policy")
    for date, policies in sorted(policies_by_day.items()):
        print(f"  {date}: " + ", ".join(f"{count} by {policy}" for policy, count in policies.items()))
    print("swaps")
    for swap in pages(client, "/v1/swaps"):
        took = f"loaded in {swap['load_seconds']} s, ready {swap['seconds']} s after its promotion"
        print(f"  {swap['checkpoint']} on {swap['engine']}: {took}")


def main() -> None:
    """Import the headlines, run the backfill, print report and figures."""
    options = parse()
    from services.inference.embedded_model import embedded_model

    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    model = embedded_model(ROOT / ".morrow/models/SmolLM2-135M-Instruct")
    with fleet(folder, model) as started:
        add_replicas(
            started, options.engine, options.engine_url, 2, options.vllm_python, served_weights=False, grace=30.0
        )
        start_workers(started)
        morrow(started, "corpus", "import", str(options.archive), "--name", "headlines", "--timezone", options.timezone)
        arguments = ["--corpus", "headlines", "--run", "VLLM", "--headlines", str(options.headlines), "--wait"]
        if options.first:
            last = options.first + dt.timedelta(days=options.days - 1)
            arguments += ["--from", f"{options.first:%Y%m%d}", "--to", f"{last:%Y%m%d}"]
        for pair in ["generate_chunk=1", *options.set]:
            arguments += ["--set", pair]
        began = time.monotonic()
        morrow(started, "backfill", *arguments)
        print(f"the backfill took {time.monotonic() - began:.0f} s")
        morrow(started, "report", "VLLM")
        with httpx.Client(base_url=started.coordinator_url, timeout=60, trust_env=False) as client:
            print_figures(client, "VLLM")


if __name__ == "__main__":
    main()
