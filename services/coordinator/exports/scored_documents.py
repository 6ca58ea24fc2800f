"""The documents of a day's scores, evaluations and training data: stored rows in, JSON documents out.

`reward` is the training reward; `normalized_score` (0 to 1) and `outcome_score` (0 to 10) are the rank's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from services.coordinator.exports.documents import (
    DayRows,
    Json,
    headline_item,
    method_of,
    methods_of,
    outcome_row,
    range_of,
)
from services.coordinator.models import Evaluation, Group, Rollout
from services.coordinator.stats.means import mean_or_none

Scored = tuple[Group, Rollout, Evaluation]
SCORE_BANDS = {"0-3": 4, "4-6": 7, "7-8": 9, "9-10": 11}
"""Bands of outcome_score by name, each with its exclusive upper bound."""


def _evaluation(rows: DayRows, group: Group, rollout: Rollout, scored: Evaluation) -> Json:
    return outcome_row(rows, group, rollout, scored) | {
        "prediction": rollout.text,
        # Whole ranks are integers in the predecessor's files; shared ones stay halves.
        "ranking": int(scored.rank) if scored.rank == int(scored.rank) else scored.rank,
        "reward": scored.reward,
        "composite_reward": scored.composite,
        "outcome_score": scored.outcome_score,
        "normalized_score": scored.normalized_score,
        "semantic_score": scored.semantic,
        "verdict": scored.verdict,
        "failure": scored.failure,
        "leak": scored.leak,
        "form_score": scored.form_score,
        "signs": scored.signs,
        "settlement": scored.settlement,
        "headlines": [],
        "evaluation_method": rows.run.config.ranker,
    }


def evaluations_document(rows: DayRows) -> Json:
    """`_evaluations.json`: all scored rollouts; the summary's averages are those of the rows."""
    triples = rows.rollouts()
    scored = [_evaluation(rows, group, rollout, score) for group, rollout, score in triples if score]
    if scored:
        awaited = [headline_item(headline) for headline in rows.outcomes]
        scored[0] |= {"next_day_headlines": awaited, "headlines": awaited}
    scores = [row["outcome_score"] for row in scored]
    bands = Counter(next(name for name, end in SCORE_BANDS.items() if score < end) for score in scores)
    summary = {
        "total_evaluations": len(scored),
        **_averages(scored),
        "avg_semantic_score": mean_or_none(row["semantic_score"] for row in scored),
        "avg_form_score": mean_or_none(row["form_score"] for row in scored),
        "verdicts": dict(Counter(row["verdict"] for row in scored)),
        "signs": dict(Counter(sign for row in scored for sign in row["signs"])),
        "score_distribution": {name: bands[name] for name in SCORE_BANDS},
        "methods_used": methods_of(scored),
        "score_range": range_of(scores),
    }
    head = rows.head("evaluations") | {"total_evaluations": len(scored)}
    return head | {"evaluations": scored, "summary": summary}


def _averages(rows: Sequence[Json]) -> Json:
    """Means over rows, None where no row has the score."""
    scores = ("immediate_reward", "outcome_score", "normalized_score", "composite_reward", "trade_thinking_score")
    return {f"avg_{name}": mean_or_none(row[name] for row in rows) for name in (*scores, "reward")}


def training_document(rows: DayRows, checkpoint: str | None, stats: Json | None) -> Json | None:
    """`gspo_training_YYYYMMDD.json`: the rollouts and statistics of the update; None for a run that does not train."""
    scored: list[Scored] = [(group, rollout, score) for group, rollout, score in rows.rollouts() if score]
    if not rows.run.config.train or not scored:
        return None
    data: list[Json] = [
        {
            "prompt": group.prompt_text,
            "response": rollout.text,
            "reward": score.reward,
            "headline": group.headline,
            "rollout_id": rollout.index,
            "method": method_of(rollout),
            "date": rows.stamp,
            "immediate_reward": score.validity,
            "outcome_score": score.outcome_score,
            "normalized_score": score.normalized_score,
            "composite_reward": score.composite,
            "trade_thinking_score": score.trade_thinking,
        }
        for group, rollout, score in scored
    ]
    rewards = [{score.reward for _, _, score in of_group} for of_group in _by_group(scored)]
    summary = {
        **_averages(data),
        "reward_range": range_of(row["reward"] for row in data),
        "valid_examples": sum(score.valid for _, _, score in scored),
        "groups": len(rewards),
        "groups_of_equal_rewards": sum(len(different) == 1 for different in rewards),
        "bonus": rows.day.bonus,
        "learning_rate": rows.day.learning_rate,
        "statistics": stats,
        "checkpoint": checkpoint,
    }
    return rows.head("gspo_training") | {"total_examples": len(data), "training_data": data, "summary": summary}


def _by_group(scored: Sequence[Scored]) -> Iterator[list[Scored]]:
    # The rows are in the order of their groups' positions, as groupby needs them.
    return (list(of_group) for _, of_group in groupby(scored, key=lambda row: row[0].position))
