"""Days of headlines end to end: one script on TRL's GRPOTrainer against Morrow's backfill on the local stack.

Both take the same headlines, prompts, rollouts, model, sampler, reward, adapter and GSPO settings, and make the same
optimizer steps and checkpoints. Each side is a fresh process in an empty folder, and the sides alternate. Run
`python bench/end_to_end.py` on a quiet machine; `--days` and `--headlines` make it larger. With `--engine vllm` TRL
generates with vLLM, and its script is run by `--vllm-python`, an environment with vLLM, TRL, peft and
sentence-transformers.

Not in TRL's script, in its favour: the decoding ladder with its repairs, a policy that has not seen the answers, a
record of every rollout and score, a database, serving, and anything that survives a crash. Its answers end at Morrow's
stop text, it recomputes no activations, and it saves each day's checkpoint without hashing or loading it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.backfilling.meters import measured  # noqa: E402
from bench.backfilling.work import Figures, add_size, differences, run_config, sample_days  # noqa: E402

SIDES = {"stock": "bench.backfilling.trl_script", "morrow": "bench.backfilling.morrow_backfill"}
ROWS = {
    "seconds, start to end": lambda f: f["whole"],
    "seconds of the backfill": lambda f: f["seconds"],
    "tokens delivered": lambda f: f["tokens"],
    "tokens sampled": lambda f: f["sampled"],
    "delivered tokens per second": lambda f: f["tokens"] / f["seconds"],
    "peak memory, RSS in MiB": lambda f: f["rss"],
    "peak memory, PSS in MiB": lambda f: f["pss"],
}
FASTER = ("seconds, start to end", "seconds of the backfill")
"""Rows whose ratio is TRL over Morrow; that of the others is Morrow over TRL."""


def size(options: argparse.Namespace) -> list[str]:
    """The options of the size, as a side's command line takes them."""
    names = ("days", "headlines", "rollouts", "tokens")
    return [word for name in names for word in (f"--{name}", str(getattr(options, name)))]


def side(name: str, options: argparse.Namespace, model: Path, folder: Path) -> Figures:
    """The figures of one fresh process of a side, in a folder of its own."""
    folder.mkdir()
    folder.chmod(0o755)  # as root the database runs under another account
    own = ["--engine", options.engine, "--batch", str(options.batch)] if name == "stock" else []
    python = options.vllm_python if name == "stock" and options.engine == "vllm" else sys.executable
    command = [python, "-P", "-m", SIDES[name], str(folder), "--model", str(model), *size(options), *own]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MORROW_")}
    path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH"))))
    environment = kept | {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "TOKENIZERS_PARALLELISM": "false"}
    figures = measured(command, environment, ROOT, folder / "log")
    return figures | json.loads((folder / f"{name}.json").read_text("utf8"))


def ratio(row: str, pair: dict[str, Figures]) -> float:
    """How many times as fast Morrow is, or how much Morrow has of what TRL has."""
    stock, morrow = (ROWS[row](pair[name]) for name in SIDES)
    return float(stock / morrow if row in FASTER else morrow / stock)


def show(pairs: list[dict[str, Figures]]) -> None:
    """Print medians, and the ratio of each pair."""
    print(f"{'median':30}{'TRL script':>12}{'Morrow':>12}{'ratio':>9}{'  ratio of each pair'}")
    for row, value in ROWS.items():
        stock, morrow = (statistics.median(value(pair[name]) for pair in pairs) for name in SIDES)
        each = [ratio(row, pair) for pair in pairs]
        print(f"{row:30}{stock:12.1f}{morrow:12.1f}{statistics.median(each):9.2f} ", *(f"{one:.2f}" for one in each))
    kinds = pairs[-1]["morrow"]["seconds by kind"]
    print("Morrow's last:", ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in kinds.items()))
    print(f"TRL's last: reward {pairs[-1]['stock']['reward_seconds']:.1f} s")


def base_model(options: argparse.Namespace) -> Path:
    """The folder of the model: the one given, or the embedded one, made once."""
    from services.inference.embedded_model import embedded_model

    return Path(options.model or embedded_model(Path(tempfile.gettempdir()) / "morrow-bench-model")).resolve()


def machine() -> str:
    """Processors and load."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {load} (a quiet machine has < 0.5)"


def main() -> None:
    """Measure in alternation and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--engine", choices=["transformers", "vllm"], default="transformers", help="TRL's")
    parser.add_argument("--vllm-python", default=str(ROOT / ".venv-vllm/bin/python"))
    parser.add_argument("--batch", type=int, default=0, help="rollouts of a pass of TRL; 0: those of a headline")
    parser.add_argument("--model", help="folder of a SmolLM2-135M; the embedded one if not given")
    add_size(parser)
    options = parser.parse_args()
    run_config(options), sample_days(options.days, options.headlines)  # refuses sizes before anything is measured
    model = base_model(options)
    print(machine(), flush=True)
    print(f"{options.days} days x {options.headlines} headlines x {options.rollouts} rollouts, TRL on {options.engine}")
    pairs: list[dict[str, Figures]] = []
    with tempfile.TemporaryDirectory(prefix="morrow-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        for number in range(options.pairs):
            order = list(SIDES) if number % 2 == 0 else list(SIDES)[::-1]
            pairs.append({each: side(each, options, model, Path(name) / f"{number}-{each}") for each in order})
            pair = pairs[-1]
            if unequal := differences(pair["stock"], pair["morrow"]):
                raise SystemExit("the sides did not do the same work:\n" + "\n".join(unequal))
            words = ", ".join(f"{each} {pair[each]['seconds']:.1f} s of {pair[each]['whole']:.1f} s" for each in SIDES)
            print(f"pair {number + 1}: {words}", file=sys.stderr, flush=True)
    show(pairs)
    print(machine())


if __name__ == "__main__":
    main()
