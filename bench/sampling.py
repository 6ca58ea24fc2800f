"""Tokens per second of a backfill's generate steps, beside those of the bare engine on the same prompts.

`python bench/sampling.py` starts an engine and measures, each time from an empty prefix cache: the engine alone, one
request with `n` for each prompt, all at once; a backfill of one day with the free arm only; and one whose rollouts all
climb the decoding ladder. A backfill is everything real: coordinator, Postgres, Valkey and an inference worker; nothing
scores or trains. It is timed from its first claim to its last accepted generate step, and its tokens are all that its
rollouts have sampled. The ratio is to the fastest measurement of the engine alone. It wants a quiet machine, and prints
the load. With `--engine vllm` the engine is vLLM's own server.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.sampled.measures import Backfills, Figures, engine_alone, requests, texts
from bench.swapping.fleet import ROOT, Fleet, add_replicas, fleet

FREE_SHARES = {"free": 1.0, "ladder": 0.0, "both": 0.5}
"""By arm of a backfill, the share of each group that never climbs."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("cpu", "vllm"), default="cpu")
    parser.add_argument("--vllm-python", default=str(ROOT / ".venv-vllm/bin/python"))
    parser.add_argument("--headlines", type=int, default=16)
    parser.add_argument("--rollouts", type=int, default=8)
    parser.add_argument("--measure", default="bare,free,both,ladder", help="bare, free, both, ladder: in order")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the engine's matrix products")
    parser.add_argument("--set", action="append", default=[], help="key=value of the runs' configuration, as JSON")
    parser.add_argument("--model", type=Path, help="folder of the base model; the embedded one if not given")
    parser.add_argument("--folder", type=Path, help="folder for database and logs; a temporary one if not given")
    return parser.parse_args()


def start(started: Fleet, options: argparse.Namespace) -> str:
    """Start the engine, its syncer and an inference worker; returns the engine's URL once the worker consumes."""
    engine, url = started.start_engine(options.engine, 0, options.vllm_python, options.threads)
    engine.until(f"{url}/health")
    add_replicas(started, options.engine, [url], 1, "", served_weights=False, grace=30.0)
    common = {"coordinator_url": started.coordinator_url, "broker_url": started.broker_url, "store": started.store}
    worker = started.module(
        "inference", "services.inference.worker.main", engine_url=url, base_model_path=started.model, **common
    )
    deadline = time.monotonic() + 60
    while " ready." not in worker.log.read_text("utf8", "replace"):
        assert time.monotonic() < deadline, worker.log.read_text("utf8", "replace")[-3000:]
        time.sleep(0.1)
    return url


def show(name: str, figures: Figures, bare: float) -> None:
    """Print a line of the table."""
    ratio = f"{figures.speed / bare:.2f}" if bare else ""
    print(
        f"{name:<18}{figures.tokens:>8}{figures.seconds:>9.1f}{figures.speed:>10.1f}{ratio:>8}{figures.calls:>7}"
        f"{figures.hits:>12.0%}{os.getloadavg()[0]:>7.1f}",
        flush=True,
    )
    if figures.rungs:
        print(f"    rollouts by rung and attempts: {figures.rungs}", flush=True)


def measure(started: Fleet, url: str, options: argparse.Namespace) -> None:
    """Measure and print."""
    headlines = texts(options.headlines)
    work, bare = requests(started.model, headlines, options.rollouts), 0.0
    backfills = Backfills(started.coordinator_url, url, headlines)
    config = {"rollouts": options.rollouts, "train": False}
    config |= {key: json.loads(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    size = f"{options.headlines} prompts x {options.rollouts} answers"
    print(f"{platform.machine()}, {os.cpu_count()} cores, engine {options.engine}, {options.threads} threads, {size}")
    print(f"{'':<18}{'tokens':>8}{'seconds':>9}{'tokens/s':>10}{'ratio':>8}{'calls':>7}{'prefix hits':>12}{'load':>7}")
    for number, name in enumerate(options.measure.split(",")):
        if name == "bare":
            figures = engine_alone(url, work)
            bare = max(bare, figures.speed)
            show("engine alone", figures, bare)
        else:
            share = {"free_share": FREE_SHARES[name]}
            show(f"backfill, {name}", backfills.measure(f"{name}{number}", config | share), bare)


def main() -> None:
    """Start the fleet, measure, print."""
    options = parse()
    from services.inference.embedded_model import embedded_model

    model = options.model or embedded_model(Path(tempfile.gettempdir()) / "morrow-bench-model")
    with tempfile.TemporaryDirectory(prefix="morrow-sampling-", ignore_cleanup_errors=True) as temporary:
        Path(temporary).chmod(0o755)  # Postgres runs under another account
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with fleet(folder, model) as started:
            measure(started, start(started, options), options)


if __name__ == "__main__":
    main()
