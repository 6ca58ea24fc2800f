"""What each process of the stack imports: seconds, peak memory, and the heavy packages loaded.

Run by itself: `python bench/startup.py`. It wants a quiet machine, and prints the load. One fresh interpreter per part,
the median of some; a warm disk cache, since the first round is not counted. `start` is what a part imports before it is
ready, `work` what its first piece of work imports besides (a worker's queue side is ready before its models are). The
list of parts is that of services/cli/local/parts.py and the trainer's process of updates.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.updating.machine import machine  # noqa: E402

PARTS: dict[str, tuple[list[str], list[str]]] = {
    "cli": (["services.cli.main"], []),
    "coordinator": (["services.coordinator.main"], []),
    "engine": (
        [
            "services.inference.cpu_engine.main",
            "torch",
            "transformers:AutoTokenizer",
            "services.inference.cpu_engine.factory",
            "services.inference.cpu_engine.model.policies:load_model",
        ],
        [],
    ),
    "syncer": (["services.inference.syncer.main"], ["transformers:AutoTokenizer"]),
    "inference": (["services.inference.worker.main", "shared.worker.run"], ["transformers:AutoTokenizer", "xgrammar"]),
    "evaluator": (
        ["services.evaluator.main", "services.evaluator.service", "shared.worker.run"],
        ["sentence_transformers:SentenceTransformer"],
    ),
    "evaluator-web": (
        ["services.evaluator.main", "uvicorn", "services.evaluator.app"],
        ["sentence_transformers:SentenceTransformer"],
    ),
    "trainer": (["services.trainer.main"], []),
    "its updates": (["services.trainer.update.serve"], []),
}
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "sentence_transformers", "xgrammar", "scipy")
HEAVY += ("sklearn", "pandas", "pyarrow", "numpy", "sqlalchemy", "celery", "fastapi", "s3fs", "sympy", "rich")
CODE = """
import importlib, json, resource, sys, time
def load(names):
    started = time.perf_counter()
    for name in names:
        module, _, wanted = name.partition(":")
        found = importlib.import_module(module)
        if wanted:
            getattr(found, wanted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.perf_counter() - started, peak, [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps([load(names) for names in json.loads(sys.argv[1])]))
"""
Loaded = tuple[float, float, list[str]]


def loaded(stages: tuple[list[str], list[str]]) -> list[Loaded]:
    """Seconds, peak MiB and heavy packages after each stage, in one fresh interpreter."""
    command = [sys.executable, "-P", "-c", CODE, json.dumps(stages), json.dumps(HEAVY)]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONWARNINGS="ignore")
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True)
    found: list[Loaded] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure each part and print a line per stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=sorted(PARTS), action="append", help="only this one; may be repeated")
    options = parser.parse_args()
    print(machine())
    print(f"{'part':16}{'stage':8}{'seconds':>8}{'MiB':>7}  heavy packages")
    for part in options.part or PARTS:
        loaded(PARTS[part])
        rounds = [loaded(PARTS[part]) for _ in range(options.rounds)]
        for place, stage in enumerate(("start", "work")):
            if PARTS[part][place]:
                seconds = statistics.median(one[place][0] for one in rounds)
                _, peak, heavy = rounds[-1][place]
                print(f"{part:16}{stage:8}{seconds:8.2f}{peak:7.0f}  {' '.join(heavy)}", flush=True)


if __name__ == "__main__":
    main()
