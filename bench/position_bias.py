"""Do the semantic ranker and the judge favour a place in the group? Rank against position, over many groups.

Run by itself: `python bench/position_bias.py`. Headlines are the sample corpus', forecasts are made by rule. The judge
is a made-up one whose letter A draws strongly or, with MORROW_ENGINE_URL set, the model that is served there as
MORROW_JUDGE_MODEL.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev

from services.coordinator.reports.figures.position_bias import spearman
from services.evaluator.dependencies import Dependencies, ScoringInputs
from services.evaluator.embeddings.model import Cached, MiniLm
from services.evaluator.judge_client import Engine, HttpEngine
from services.evaluator.rankers import make_ranker
from services.evaluator.service import pool_of
from shared.run_config import RunConfig
from shared.wire import GroupToScore, RolloutToScore

CORPUS = Path(__file__).parents[1] / "services" / "cli" / "sample_corpus"
DAY, NEXT = "20240909", "20240910"
MOVES = (
    "falls at least 2% by tomorrow",
    "rises above its August high",
    "gains 1.5% as traders price a cut",
    "slips on profit taking",
    "is raised by two analysts",
    "ends the day where it began",
)


class LeaningEngine:
    """A judge that likes long forecasts and leans to the letter A by 2 in log-odds."""

    def first_letter(self, prompts: Sequence[str], between: Callable[[], None]) -> list[float]:
        """Logistic in the lean and in the difference of lengths."""
        shares = []
        for prompt in prompts:
            between()
            first, second = (part.split("<<<")[1].split(">>>")[0] for part in prompt.split("Forecast (")[1:3])
            shares.append(1 / (1 + math.exp(-2 - (len(first) - len(second)) / 20)))
        return shares


def headlines(day: str) -> list[str]:
    """The texts of a sample day."""
    return [item["text"] for item in json.loads((CORPUS / f"{day}_headlines.json").read_text("utf8"))["headlines"]]


def groups(count: int, seed: int) -> list[GroupToScore]:
    """Groups of eight distinct forecasts in random order, each beside its reverse so that chance adds nothing."""
    drawn, day = random.Random(seed), headlines(DAY)  # noqa: S311
    claims = [f"{' '.join(text.split()[:3])} {move}" for text, move in product(day, MOVES)]
    made = []
    for number in range(count):
        headline, texts = day[number % len(day)], drawn.sample(claims, 8)
        for order in (texts, texts[::-1]):
            rollouts = [RolloutToScore(rollout_id=i, text=text) for i, text in enumerate(order)]
            made.append(GroupToScore(group_id=number, headline=headline, prompt_text="", rollouts=rollouts))
    return made


def engine() -> Engine:
    """The engine that the environment names, or the made-up one."""
    url = os.environ.get("MORROW_ENGINE_URL")
    return HttpEngine.at(url, os.environ.get("MORROW_JUDGE_MODEL", "base"), 600.0, 8) if url else LeaningEngine()


def measure(ranker: str, dependencies: Dependencies, asked: Sequence[GroupToScore], pairs: int) -> None:
    """Print the mean correlation of rank and position."""
    inputs = ScoringInputs(
        RunConfig.model_validate({"ranker": ranker, "judge_pairs": pairs}), headlines(NEXT), bonus=0.1
    )
    made = make_ranker(ranker, dependencies, inputs)
    ranks = [made.rank(pool_of(group, inputs)).ranks for group in asked]
    found = [rho for places in ranks if (rho := spearman(places, range(len(places)))) is not None]
    figures = ", ".join(f"{name} {value:.3f}" for name, value in made.figures().items())
    print(f"{ranker:9} groups {len(found)}: mean {fmean(found):+.4f}, sd of one {stdev(found):.3f}  {figures}")


def main() -> None:
    """Measure both rankers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=100, help="groups, each asked in two orders")
    parser.add_argument("--pairs", type=int, default=28, help="pairs of a group that the judge compares")
    chosen = parser.parse_args()
    asked = groups(chosen.groups, seed=5)
    dependencies = Dependencies(Cached(MiniLm()), engine())
    for ranker in ("semantic", "judge"):
        measure(ranker, dependencies, asked, chosen.pairs)


if __name__ == "__main__":
    main()
