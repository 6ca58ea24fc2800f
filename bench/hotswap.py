"""Promotions under load: the latency of each promotion in a fleet of real processes under a steady load of forecasts.

Run `python bench/hotswap.py` for the CPU engine, or with `--engine vllm` for vLLM's server (installed by `make
vllm-install`). Twenty adapters are promoted, then five full checkpoints, each once all replicas have loaded the
previous one. Printed are failed requests, responses by a policy that was not one of the two current ones during the
request, and the seconds from the response to a promotion until the last replica has verified it.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from bench.swapping.fleet import Fleet, add_replicas, fleet  # noqa: E402
from bench.swapping.load import Current, Load  # noqa: E402
from bench.swapping.made_up import Kind, publish, record  # noqa: E402
from shared.checkpoints import CheckpointStore  # noqa: E402


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("cpu", "vllm"), default="cpu")
    parser.add_argument(
        "--engine-url", action="append", default=[], help="URL of a running engine to use; repeat for several"
    )
    parser.add_argument("--tiny", action="store_true", help="use a tiny random model: more forecasts per second")
    parser.add_argument("--vllm-python", default=str(ROOT / ".venv-vllm/bin/python"))
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--adapters", type=int, default=20, help="promotions of adapters")
    parser.add_argument("--weights", type=int, default=5, help="promotions of full weights")
    parser.add_argument("--clients", type=int, default=4, help="concurrent forecast requests")
    parser.add_argument("--max-tokens", type=int, default=24)
    parser.add_argument(
        "--rest", type=float, default=1.0, help="seconds between the end of a promotion and the next one"
    )
    return parser.parse_args()


def promote(client: httpx.Client, made: Fleet, checkpoint: str, current: Current) -> float:
    """Promote a checkpoint, wait until every replica has loaded it; returns the seconds from the response to then."""
    before = client.get("/v1/serving").json()["served"] or "base"
    current.now(checkpoint, before)
    began = time.monotonic()
    client.post("/v1/serving", json={"checkpoint": checkpoint}).raise_for_status()
    promoted = time.monotonic()
    deadline = promoted + 180
    while time.monotonic() < deadline:
        engines = client.get("/v1/engines").json()["items"]
        if sum(engine["ready"] and checkpoint in engine["loaded"] for engine in engines) == len(made.replicas):
            return time.monotonic() - promoted
        time.sleep(0.01)
    raise SystemExit(f"{checkpoint} is not loaded {deadline - began:.0f} s after its promotion: {engines}")


def phase(client: httpx.Client, made: Fleet, options: argparse.Namespace, kind: Kind, names: list[str]) -> bool:
    """Promote checkpoints one after another under load and print figures; returns whether no request failed."""
    current = Current()
    served = client.get("/v1/serving").json()["served"] or "base"
    current.now(served, "base")
    load = Load(made.coordinator_url, options.clients, options.max_tokens)
    load.start()
    time.sleep(5)
    began, seconds = time.monotonic(), []
    try:
        for name in names:
            seconds.append(promote(client, made, name, current))
            time.sleep(options.rest)
    finally:
        took = time.monotonic() - began
        load.stop()
    failed = [outcome.problem for outcome in load.outcomes if outcome.problem]
    strange = [
        (outcome.policy, outcome.engine)
        for outcome in load.outcomes
        if not outcome.problem and outcome.policy not in current.during(outcome.began, outcome.ended)
    ]
    policies = {outcome.policy for outcome in load.outcomes}
    latencies = sorted(outcome.ended - outcome.began for outcome in load.outcomes)
    print(f"\n{kind}: {len(seconds)} promotions in {took:.0f} s under {options.clients} clients")
    print(
        f"  forecasts {len(load.outcomes)}, by {len(policies)} policies, failed {len(failed)}, "
        f"by another policy {len(strange)}"
    )
    print(f"  promotion to last replica: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")
    print(f"  a forecast: median {statistics.median(latencies):.2f} s, worst {latencies[-1]:.2f} s")
    print("  each:", " ".join(f"{one:.2f}" for one in seconds), flush=True)
    for problem in [*failed[:5], *strange[:5]]:
        print("  ", problem)
    return not failed and not strange


def report_swaps(client: httpx.Client) -> None:
    """Print the load times of the coordinator's swaps by run."""
    swaps, cursor = [], ""
    while True:
        page = client.get("/v1/swaps", params={"limit": 100} | ({"cursor": cursor} if cursor else {})).json()
        swaps += page["items"]
        cursor = page["next"] or ""
        if not cursor:
            break
    for run in sorted({swap["run"] for swap in swaps}):
        loads = [swap["load_seconds"] for swap in swaps if swap["run"] == run and swap["load_seconds"] is not None]
        if loads:
            print(
                f"  {run}: {len(loads)} loads on replicas, median {statistics.median(loads):.2f} s, "
                f"worst {max(loads):.2f} s"
            )


def model_folder(folder: Path, *, tiny: bool) -> Path:
    """The folder of the base model: SmolLM2, or a tiny random one."""
    if not tiny:
        from services.inference.embedded_model import embedded_model

        return embedded_model(ROOT / ".morrow/models/SmolLM2-135M-Instruct")
    from services.inference.sampling.prompts import messages
    from shared.forecast import format_named
    from tests.integration.engine_contract.tiny import write_model

    texts = [turn["content"] for turn in messages("Oil climbs as supply falls", "1d", format_named("one_line"))]
    return write_model(folder / "tiny", texts, vocabulary=700, context=2048)


def main() -> None:
    """Run both phases; exit status 1 if a request failed."""
    options = parse()
    print(f"{platform.machine()}, {os.cpu_count()} cores; {options.replicas} x {options.engine}; tiny: {options.tiny}")
    with tempfile.TemporaryDirectory(prefix="morrow-swaps-", ignore_cleanup_errors=True) as folder:
        model = model_folder(Path(folder), tiny=options.tiny)
        store = CheckpointStore(Path(folder) / "store")
        lora, full = (
            publish(store, model, kind, count) if count else []
            for kind, count in (("lora", options.adapters), ("full", options.weights))
        )
        with fleet(Path(folder), model) as made:
            for records in filter(None, (lora, full)):
                record(made.database_url, records)
            add_replicas(
                made, options.engine, options.engine_url, options.replicas, options.vllm_python,
                served_weights=bool(full), grace=3.0,
            )  # fmt: skip
            with httpx.Client(base_url=made.coordinator_url, timeout=60, trust_env=False) as client:
                well = [
                    phase(client, made, options, kind, [made_.ref.id for made_ in records])
                    for kind, records in (("lora", lora), ("full", full))
                    if records
                ]
                report_swaps(client)
    sys.exit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
