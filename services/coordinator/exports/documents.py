"""A day as the documents of the legacy layout: stored rows in, JSON documents out.

The key names are the predecessor's. The next day's headlines stand in the first row
of a document and are empty in the others: repeated in every row they would be most of the file.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.coordinator.models import Day, Evaluation, Group, Headline, Rollout, Run
from services.coordinator.stats.means import mean_or_none
from shared.run_config import HORIZON_DAYS
from shared.wire import Message

Json = dict[str, Any]


class CheckpointFiles(Message):
    """A day's checkpoint: `files` maps names to SHA-256, `sha256` is the manifest's, `aliases` are the run's for it."""

    id: str
    sha256: str
    files: dict[str, str]
    aliases: list[str]


class DayDocuments(Message):
    """The legacy files of a day in one answer; `training` is null if the run does not train. `logs` are by stage."""

    run: str
    date: dt.date
    state: str
    headlines: Json
    predictions: Json
    outcome_tracking: Json
    evaluations: Json
    training: Json | None
    logs: dict[str, str]
    checkpoint: CheckpointFiles | None


@dataclass(frozen=True)
class DayRows:
    """The stored rows of a day. `outcomes` are the headlines of its outcome date, those that the evaluator may use."""

    run: Run
    day: Day
    timezone: str | None
    collected_at: dt.datetime
    headlines: Sequence[Headline]
    outcomes: Sequence[Headline]
    groups: Sequence[Group]

    @property
    def stamp(self) -> str:
        """The date in the legacy form, YYYYMMDD."""
        return f"{self.day.date:%Y%m%d}"

    def head(self, data_type: str) -> Json:
        """The first keys of every document."""
        saved = (self.day.finished_at or self.collected_at).astimezone(dt.UTC).isoformat()
        return {"date": self.stamp, "data_type": data_type, "saved_at": saved}

    def rollouts(self) -> list[tuple[Group, Rollout, Evaluation | None]]:
        """All rollouts in order, each with its group and its evaluation."""
        return [(group, rollout, rollout.evaluation) for group in self.groups for rollout in group.rollouts]


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat()


def headline_item(headline: Headline) -> Json:
    """A headline as an item of a document."""
    return {
        "text": headline.text,
        "link": headline.link,
        "source": headline.source,
        "category": None,
        "timestamp": _time(headline.published_at),
        "url": None,
    }


def range_of(values: Iterable[float | None]) -> Json:
    """The minimum and the maximum of the values that are not None."""
    numbers = [value for value in values if value is not None]
    return {"min": min(numbers, default=None), "max": max(numbers, default=None)}


def method_of(rollout: Rollout) -> str:
    """The method of a rollout: the recorded one of an imported rollout, else the rung of the ladder."""
    return str(rollout.recorded.get("method") or rollout.rung)


def methods_of(rows: Sequence[Mapping[str, Any]]) -> Json:
    """Numbers of rows by method."""
    return dict(Counter(row["method"] for row in rows))


def headlines_document(rows: DayRows) -> Json:
    """`_headlines.json`: the corpus' headlines of the day, each with its flag; for an import, those of its groups."""
    items = [headline_item(headline) | {"flag": headline.flag} for headline in rows.headlines]
    if not rows.headlines:
        items = [{"text": group.headline, "timestamp": _time(group.published_at)} for group in rows.groups]
    return {
        "date": rows.stamp,
        "timezone": rows.timezone,
        "collected_at": _time(rows.collected_at),
        "total_headlines": len(items),
        "headlines": items,
    }


def _rollout(rows: DayRows, rollout: Rollout, evaluation: Evaluation | None) -> Json:
    # An import's horizons are those of its groups; its configuration has only the default.
    horizon = rollout.recorded.get("horizon") or rows.run.config.horizon
    offset = HORIZON_DAYS.get(horizon, 1)
    return {
        "rollout_id": rollout.index,
        "method": method_of(rollout),
        "immediate_reward": evaluation.validity if evaluation else None,
        "trade_thinking_score": evaluation.trade_thinking if evaluation else None,
        "timestamp": _time(rollout.created_at),
        "horizon": horizon,
        "offset_days": offset,
        "matures_on": f"{rows.day.date + dt.timedelta(days=offset):%Y%m%d}",
        "policy": rollout.policy,
    }


def _prediction(rows: DayRows, group: Group, headlines: Mapping[int, Headline]) -> Json:
    # An imported group has no headline row: its text and time are all there is.
    headline = headlines.get(group.headline_id or -1)
    data = headline_item(headline) if headline else {"text": group.headline, "timestamp": _time(group.published_at)}
    rollouts: list[Json] = [
        {"prediction": r.text, "raw_prediction": r.raw_text, "uses_think": False, "arm": r.arm, "seed": r.seed}
        | {"attempts": r.attempts, "sampled_tokens": r.sampled_tokens}
        | _rollout(rows, r, r.evaluation)
        for r in group.rollouts
    ]
    return {
        "headline": group.headline,
        "headline_data": data,
        "prompt": group.prompt_text,
        "rollouts": rollouts,
        "total_rollouts": len(rollouts),
        "methods_used": sorted(methods_of(rollouts)),
        "avg_immediate_reward": mean_or_none(r["immediate_reward"] for r in rollouts),
        "sampler_profile": group.rollouts[0].profile if group.rollouts else rows.day.profile,
        "generated_at": max((r["timestamp"] for r in rollouts), default=None),
    }


def predictions_document(rows: DayRows) -> Json:
    """`_predictions.json`: the rollouts by headline."""
    headlines = {headline.id: headline for headline in rows.headlines}
    predictions = [_prediction(rows, group, headlines) for group in rows.groups]
    rollouts = [rollout for prediction in predictions for rollout in prediction["rollouts"]]
    summary = {
        "total_headlines": len(predictions),
        "total_rollouts": len(rollouts),
        "methods_used": methods_of(rollouts),
        "sampler_profiles": dict(Counter(prediction["sampler_profile"] for prediction in predictions)),
        "avg_immediate_reward": mean_or_none(rollout["immediate_reward"] for rollout in rollouts),
        "reward_range": range_of(rollout["immediate_reward"] for rollout in rollouts),
    }
    head = rows.head("predictions") | {"total_headlines": len(predictions)}
    return head | {"predictions": predictions, "summary": summary}


def outcome_row(rows: DayRows, group: Group, rollout: Rollout, evaluation: Evaluation | None) -> Json:
    """A rollout with the outcome that it awaits."""
    return {
        "prediction_id": f"{rows.stamp}_{group.position:04d}_{rollout.index}",
        "headline": group.headline,
        "original_prediction": rollout.text,
        **_rollout(rows, rollout, evaluation),
        "date": rows.stamp,
        "next_day_headlines": [],
        "headlines_count": len(rows.outcomes),
        "tracking_created_at": _time(rollout.created_at),
        "status": "evaluated" if evaluation else "pending_evaluation",
    }


def outcome_document(rows: DayRows) -> Json:
    """`_outcome_tracking.json`: every rollout with the outcome that it awaits."""
    outcomes = [outcome_row(rows, *row) for row in rows.rollouts()]
    if outcomes:
        outcomes[0]["next_day_headlines"] = [headline_item(headline) for headline in rows.outcomes]
    summary = {
        "total_outcomes": len(outcomes),
        "methods_used": methods_of(outcomes),
        "avg_immediate_reward": mean_or_none(row["immediate_reward"] for row in outcomes),
        "total_headlines": len(rows.outcomes) * len(outcomes),
        "avg_headlines_per_outcome": float(len(rows.outcomes)),
        "reward_range": range_of(row["immediate_reward"] for row in outcomes),
    }
    awaited = rows.day.outcome_date.isoformat() if rows.day.outcome_date else None
    head = rows.head("outcome_tracking") | {"outcome_date": awaited, "total_outcomes": len(outcomes)}
    return head | {"outcomes": outcomes, "summary": summary}
