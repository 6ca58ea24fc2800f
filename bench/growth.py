"""Growth of the coordinator's cost in days, headlines, rollouts, runs side by side, and workers.

`python bench/growth.py` runs whole backfills with instant workers (as bench/coordinator.py does) at several sizes of
one dimension at a time, and prints, for each size, processor milliseconds of the coordinator and of Postgres and wall
milliseconds per rollout; and the exponent of the total in that dimension, by least squares in the logarithms: 1 is
proportional. For workers the total is that of the same work: with 0, more workers cost nothing. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.coordinating.backfills import begin, import_corpus, until_ended
from bench.coordinating.stack import KINDS, Json, Stack, Workers, machine, stack


@dataclass(frozen=True)
class Size:
    """The size of a measurement: `runs` backfills side by side of `days` x `headlines` x `rollouts`."""

    days: int = 8
    headlines: int = 8
    rollouts: int = 8
    runs: int = 1
    workers: int = 2

    @property
    def made(self) -> int:
        """The number of rollouts."""
        return self.days * self.headlines * self.rollouts * self.runs


DIMENSIONS: dict[str, Sequence[int]] = {
    "days": (5, 15, 45, 135),
    "headlines": (4, 12, 36, 108),
    "rollouts": (4, 8, 16, 32),
    "runs": (1, 2, 6, 18),
    "workers": (1, 4, 16, 64),
}
"""The sizes of each dimension; the others stay as in `Size`."""


def exponent(sizes: Sequence[float], totals: Sequence[float]) -> float:
    """The slope of log(total) over log(size) by least squares."""
    xs, ys = [math.log(size) for size in sizes], [math.log(total) for total in totals]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((one - x) ** 2 for one in xs)
    return sum((one - x) * (other - y) for one, other in zip(xs, ys, strict=True)) / spread


def run(started: Stack, name: str, size: Size) -> Json:
    """Run the backfills of a size; returns totals in milliseconds."""
    import_corpus(started, name, size.days, size.headlines)
    names = [f"{name}-{number}" for number in range(size.runs)]
    before = started.cpu()
    for one in names:
        begin(started, one, name, size.days, rollouts=size.rollouts)
    seconds = until_ended(started, *names)
    spent = {part: value - before[part] for part, value in started.cpu().items()}
    return {part: value * 1e3 for part, value in (spent | {"wall": seconds}).items()}


def measure(dimension: str, base: Size) -> Json:
    """Measure all sizes of a dimension on one stack; returns figures per rollout and exponents of totals."""
    totals: list[Json] = []
    sizes = [replace(base, **{dimension: value}) for value in DIMENSIONS[dimension]]
    with stack() as started:
        workers = started.start_workers({kind: Workers(threads=base.workers) for kind in KINDS})
        # Imports, connection pools and caches of statements are paid before the first size.
        run(started, f"{dimension}-warm-up", Size(days=2))
        for size in sizes:
            if dimension == "workers":
                started.stop(workers)
                workers = started.start_workers({kind: Workers(threads=size.workers) for kind in KINDS})
            totals.append(run(started, f"{dimension}-{DIMENSIONS[dimension][len(totals)]}", size))
    return {
        "milliseconds per rollout": {
            getattr(size, dimension): {part: round(value / size.made, 2) for part, value in total.items()}
            for size, total in zip(sizes, totals, strict=True)
        },
        "exponents": {
            part: round(exponent(DIMENSIONS[dimension], [total[part] for total in totals]), 2) for part in totals[0]
        },
    }


def main() -> None:
    """Run the benchmark and print its figures as JSON, a dimension at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dimension", nargs="*", default=list(DIMENSIONS), help=", ".join(DIMENSIONS))
    options = parser.parse_args()
    for dimension in options.dimension:
        print(json.dumps({"dimension": dimension, "machine": machine()} | measure(dimension, Size())), flush=True)


if __name__ == "__main__":
    main()
