"""Small folders in the predecessor's layout, written for Morrow."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
HEADLINES = ("Rates held steady", "Oil rises, gold falls")
TEXTS = ("Buy SPX tomorrow at 5% on CPI", "", "long gold if the Fed cuts", "nothing here")
RANKS = (2, 3, 1, 4)
REWARDS = (2 / 3, 1 / 3, 1.0, 0.0)


def write(path: Path, document: object) -> None:
    """Write a JSON file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "utf8")


def rollout(date: str, headline: str, index: int, text: str) -> Json:
    """A tracked rollout; like the predecessor's, its id holds only the headline's beginning."""
    return {
        "prediction_id": f"{date}_{headline[:4]}_{index}",
        "headline": headline,
        "original_prediction": text,
        "rollout_id": index,
        "method": "basic_stochastic",
        "immediate_reward": 0.0,
        "trade_thinking_score": 0.1,
        "timestamp": "2025-08-16T22:34:40.712623",
        "date": date,
        "next_day_headlines": [],
        "status": "pending_evaluation",
    }


def write_day(
    folder: Path,
    date: str = "20250806",
    *,
    headlines: Sequence[str] = HEADLINES,
    texts: Sequence[str] = TEXTS,
    ranks: Sequence[int] = RANKS,
    rewards: Sequence[float] = REWARDS,
    published: str = "2025-08-06T19:00:00+00:00",
    evaluations: str = "json",
) -> None:
    """Write the files of one day; `evaluations` is json, csv or none."""
    predictions = [
        {
            "headline": headline,
            "headline_data": {"text": headline, "timestamp": published},
            "rollouts": [{"rollout_id": i, "prediction": text} for i, text in enumerate(texts)],
            "sampler_profile": "tight",
        }
        for headline in headlines
    ]
    write(folder / f"{date}_predictions.json", {"date": date, "predictions": predictions})
    outcomes = [rollout(date, headline, i, text) for headline in headlines for i, text in enumerate(texts)]
    write(folder / f"{date}_outcome_tracking.json", {"date": date, "outcomes": outcomes})
    rows = [
        row | {"ranking": ranks[row["rollout_id"]], "reward": rewards[row["rollout_id"]], "status": "evaluated"}
        for row in outcomes
    ]
    if evaluations == "json":
        write(folder / f"{date}_evaluations.json", {"date": date, "evaluations": rows})
    if evaluations == "csv":
        columns = ("prediction_id", "headline", "rollout_id", "method", "ranking", "reward", "date", "status")
        with (folder / f"{date}_evaluations.csv").open("w", encoding="utf8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
