"""The CPU engine's decoding step against the processor's peak, and beside transformers' own forward pass.

`python bench/engine.py` measures, in one process: the peak of large float32 products; then for 8, 64 and 128 rows (8 to
a prompt, 300 tokens of which 250 are common) the matrix products of a step alone, as torch does them and as the engine
has them packed, one whole step of the engine with sampling, and one step of transformers' model over the same keys and
values, each row with its own copy, without sampling. It wants a quiet machine, and prints the load.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from transformers import AutoTokenizer, DynamicCache

from services.inference.cpu_engine.decoding.batch import Batch
from services.inference.cpu_engine.decoding.prompts import Prompts
from services.inference.cpu_engine.decoding.sequence import Request, Sampling
from services.inference.cpu_engine.model.decoder import Decoder, decoder_of, prepared
from services.inference.cpu_engine.model.policies import load_model
from services.inference.embedded_model import embedded_model

COMMON, OWN, GROUP, TOKENS = 250, 50, 8, 48


def best(action: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some calls, after one that warms up."""
    action()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def peak() -> float:
    """Operations per second of the best of some large products."""
    left, right = torch.randn(4096, 4096), torch.randn(4096, 4096)
    return 2 * 4096**3 / best(lambda: left @ right)


def products(decoder: Decoder, rows: int) -> tuple[float, float]:
    """Seconds of all matrix products of a step with the weights, and how many operations they are."""
    layers = [p for layer in decoder.layers for p in (layer.qkv, layer.out, layer.gate_up, layer.down)]
    every = [*layers, decoder.head]
    inputs = {p.weight.shape[1]: torch.randn(rows, p.weight.shape[1]) for p in every}
    seconds = best(lambda: [p(inputs[p.weight.shape[1]]) for p in every])
    return seconds, float(sum(2 * rows * p.weight.numel() for p in every))


def made_up(tokens: int) -> list[int]:
    """Random tokens."""
    ids: list[int] = torch.randint(10, 40_000, (tokens,)).tolist()
    return ids


def engine_step(decoder: Decoder, rows: int, decode: Callable[[list[int]], str]) -> float:
    """Median seconds of a step of the engine: forward pass, sampling, stop texts."""
    head = made_up(COMMON)
    batch, prompts = Batch(frozenset({2}), decode), Prompts(8192)
    requests = [
        Request(
            "base",
            tuple(head + made_up(OWN)),
            Sampling(TOKENS, temperature=0.7, top_p=0.9, top_k=50, seed=number, stop=("\n\n",), ignore_eos=True),
            n=GROUP,
        )
        for number in range(rows // GROUP)
    ]
    read = prompts.read(decoder, "base", [request.prompt_ids for request in requests])
    begun = [(row, prompt) for request, prompt in zip(requests, read, strict=True) for row in request.begin()]
    batch.join([row for row, _ in begun], [prompt for _, prompt in begun])
    seconds = []
    while len(batch.rows) == rows:
        started = time.perf_counter()
        batch.step(decoder)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[:-1])


@torch.inference_mode()
def transformers_step(model: Any, rows: int) -> float:
    """Median seconds of a forward pass of transformers' model for one token of every row, at half an answer."""
    length = COMMON + OWN
    cache = DynamicCache()
    model(input_ids=torch.randint(10, 40_000, (rows, length)), past_key_values=cache, use_cache=True, logits_to_keep=1)
    seconds = []
    for place in range(TOKENS // 2):
        tokens, positions = torch.randint(10, 40_000, (rows, 1)), torch.full((rows, 1), length + place)
        started = time.perf_counter()
        model(input_ids=tokens, position_ids=positions, past_key_values=cache, use_cache=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", type=Path, help="folder of a model; the embedded one if not given")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    folder = options.model or embedded_model(Path(tempfile.gettempdir()) / "morrow-bench-model")
    model, tokenizer = load_model(folder), AutoTokenizer.from_pretrained(folder)
    plain = decoder_of(model)
    packed, top = prepared(plain), peak()
    print(
        f"{platform.machine()}, {options.threads} threads, load {os.getloadavg()[0]:.1f}; peak {top / 1e9:.0f} GFLOP/s"
    )
    print(f"{'':6}{'products, milliseconds (share of peak)':>44}{'whole step, milliseconds':>40}")
    print(f"{'rows':6}{'torch':>22}{'packed':>22}{'engine (share)':>20}{'transformers':>20}{'ratio':>8}")
    for rows in (8, 64, 128):
        unpacked, operations = products(plain, rows)
        ready, _ = products(packed, rows)
        step = engine_step(packed, rows, lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)))
        other = transformers_step(model, rows)
        cells = [f"{1e3 * seconds:.1f} ({operations / seconds / top:.2f})" for seconds in (unpacked, ready, step)]
        print(
            f"{rows:<6}{cells[0]:>22}{cells[1]:>22}{cells[2]:>20}{1e3 * other:>20.1f}{other / step:>8.2f}", flush=True
        )
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
