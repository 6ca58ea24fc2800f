"""One GSPO update, stock TRL against Morrow's, on the same stored rollouts: seconds, memory, loss and gradient.

Run by itself: `python bench/update.py` (SmolLM2-135M on the processor), or with `--device cuda` (a model of
Qwen3-0.6B's shape with random weights). Each measurement is a fresh process, and the sides alternate, so that a slow
minute of the machine falls on both. It wants a quiet machine, and prints the load. An update is, on both sides:
log-probabilities of the rollouts under the weights of the start, loss and gradient of one minibatch, one optimizer
step. Loading the model is not in it. Tokens are those of the rollouts, each with its prompt, whether or not a side
computes the prompt again. Neither side recomputes activations. At the end loss and gradient of both sides are compared
with those worked by hand (bench/updating/by_hand.py).

The rollouts, token ids only, were made from the sample corpus' longest headlines and forecasts by a fixed rule.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.updating.machine import machine  # noqa: E402

SIDES = ("stock", "morrow")


def measured(side: str, options: argparse.Namespace, folder: Path, *more: str) -> dict[str, float]:
    """The figures of one fresh process; its gradient lies in the folder."""
    command = [sys.executable, "-P", "-m", "bench.updating.side", side, str(folder), "--device", options.device]
    command += ["--groups", str(options.groups), "--adapter", options.adapter, "--threads", str(options.threads)]
    command += ["--model", str(options.model), "--pack-tokens", str(options.pack_tokens), *more]
    command += ["--warm"] if options.device == "cuda" else []
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONWARNINGS="ignore", OMP_NUM_THREADS=str(options.threads))
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{side} ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    figures: dict[str, float] = json.loads((folder / f"{side}.json").read_text("utf8"))
    return figures


def apart(folder: Path, side: str, other: str) -> float:
    """|gradient of a side − other's| / |other's|, of the whole gradient."""
    ours, theirs = (torch.load(folder / f"{name}.pt", weights_only=True) for name in (side, other))
    return float((ours - theirs).norm() / theirs.norm())


def show(pairs: list[dict[str, dict[str, float]]], gradients: list[float]) -> None:
    """Print medians, ratios and the differences of loss and gradient."""
    print(f"{'median':24}{'stock TRL':>12}{'Morrow':>12}{'ratio':>9}{'  ratio of each pair'}")
    for name in pairs[0]["morrow"]:
        if name in {"loss", "matrix peak"}:
            continue
        stock, ours = ([pair[side][name] for pair in pairs] for side in SIDES)
        each = [mine / other if other else 0.0 for other, mine in zip(stock, ours, strict=True)]
        row = f"{name:24}{statistics.median(stock):12.2f}{statistics.median(ours):12.2f}{statistics.median(each):9.2f}"
        print(row, " ", *(f"{ratio:.2f}" for ratio in each))
    losses = [(pair["stock"]["loss"], pair["morrow"]["loss"]) for pair in pairs]
    print(f"{'loss':24}{losses[0][0]:12.7f}{losses[0][1]:12.7f}")
    print(f"largest difference of the loss       {max(abs(a - b) for a, b in losses):.1e}")
    print(f"largest relative one of the gradient {max(gradients):.1e}")


def check(pair: dict[str, dict[str, float]], options: argparse.Namespace, folder: Path) -> None:
    """Compare the last pair with what is worked by hand, and print both."""
    hand = measured("hand", options, folder)
    print("worked by hand:", ", ".join(f"{name} {value:.7f}" for name, value in hand.items()))
    for side in SIDES:
        loss, gradient = abs(pair[side]["loss"] - hand["loss"]), apart(folder, side, "hand")
        print(f"{side} differs from it by {loss:.1e} in the loss and {gradient:.1e} relative in the gradient")


def shares(pairs: list[dict[str, dict[str, float]]], options: argparse.Namespace, folder: Path) -> None:
    """Print each side's operations as a share of the peak of the GPU's matrix units."""
    for side in SIDES:
        operations = measured(side, options, folder, "--operations")["operations"]
        each = [operations / pair[side]["seconds per update"] / pair[side]["matrix peak"] for pair in pairs]
        print(f"{side}: {operations:.3e} operations, {statistics.median(each):.1%} of the measured bf16 peak")


def base_model(options: argparse.Namespace) -> Path:
    """The folder of the model: the one given, or the embedded one, made once."""
    from services.inference.embedded_model import embedded_model

    if options.model or options.device == "cuda":
        return Path(options.model or ".")
    return embedded_model(Path(tempfile.gettempdir()) / "morrow-bench-model")


def main() -> None:
    """Measure in alternation and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--groups", type=int, default=2, help="of the four that are stored")
    parser.add_argument("--adapter", choices=["lora", "full"], default="lora")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--pack-tokens", type=int, default=512, help="as MORROW_TRAINER_PACK_TOKENS")
    parser.add_argument("--model", help="folder of a SmolLM2-135M; the embedded one if not given")
    options = parser.parse_args()
    options.model = base_model(options)
    print(machine())
    pairs, gradients = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(options.pairs):
            order = SIDES if number % 2 == 0 else SIDES[::-1]
            pairs.append({side: measured(side, options, folder) for side in order})
            gradients.append(apart(folder, "morrow", "stock"))
            seconds = {side: round(pairs[-1][side]["seconds per update"], 2) for side in SIDES}
            print(f"pair {number + 1}: seconds {seconds}", file=sys.stderr, flush=True)
        print(f"{options.groups} groups, {options.adapter}, {options.device}, {options.threads} threads")
        show(pairs, gradients)
        check(pairs[-1], options, folder)
        if options.device == "cuda":
            shares(pairs, options, folder)


if __name__ == "__main__":
    main()
