"""How fast rollouts are judged and scored: the grammar alone, and a whole evaluate step with the embedding model.

Run by itself: `python bench/scoring.py`. Headlines are the sample corpus'; forecasts are made by a fixed rule.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

from services.evaluator.dependencies import Dependencies, ScoringInputs
from services.evaluator.embeddings.model import MiniLm
from services.evaluator.service import score_groups
from shared.forecast import judge
from shared.run_config import RunConfig
from shared.wire import GroupToScore, RolloutToScore

CORPUS = Path(__file__).parents[1] / "services" / "cli" / "sample_corpus"
ROUNDS = 3
LINE = (
    "Domain=MarketMove; Proxy=S&P 500; Horizon=1d; Prob={prob}%; Claim={claim} lifts the index above {level}; "
    "Rationale=Investors read it as support for demand; Risk=profit taking; Confidence={confidence}"
)


def headlines(day: str) -> list[str]:
    """The texts of a sample day."""
    return [item["text"] for item in json.loads((CORPUS / f"{day}_headlines.json").read_text("utf8"))["headlines"]]


def groups(texts: list[str]) -> list[GroupToScore]:
    """Eight forecasts per headline: six in form, one near miss, one empty."""
    made = []
    for number, headline in enumerate(texts):
        subject = " ".join(headline.split()[:4])
        lines = [LINE.format(prob=50 + i, claim=subject, level=5000 + i, confidence=i % 4) for i in range(6)]
        forecasts = [*lines, lines[0].replace("; ", ";"), ""]
        rollouts = [RolloutToScore(rollout_id=number * 8 + i, text=text) for i, text in enumerate(forecasts)]
        made.append(GroupToScore(group_id=number, headline=headline, prompt_text="", rollouts=rollouts))
    return made


def best_seconds(work: Callable[[], object]) -> float:
    """The shortest of a few rounds."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Measure and print."""
    day = groups(headlines("20240909"))
    outcomes = headlines("20240910")
    texts = [(rollout.text, group.headline) for group in day for rollout in group.rollouts]
    embedder = MiniLm()
    embedder.check()
    inputs = ScoringInputs(RunConfig(), outcomes, bonus=0.1)
    judged = best_seconds(lambda: [judge(text, headline) for text, headline in texts])
    scored = best_seconds(lambda: score_groups(day, inputs, Dependencies(embedder)))
    print(f"{platform.machine()}, {len(texts)} rollouts, best of {ROUNDS} rounds")
    print(f"grammar         {len(texts) / judged:10,.0f} rollouts/s")
    print(f"evaluate step   {len(texts) / scored:10,.0f} rollouts/s")


if __name__ == "__main__":
    main()
