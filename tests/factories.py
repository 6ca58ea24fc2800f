"""Made-up corpora and results, with overrides."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions
from services.coordinator.models import Close, Corpus, Headline, Instrument, Panel, PriceSet
from shared.checkpoints import CheckpointStore
from shared.wire import (
    CheckpointRecord,
    EvaluateResult,
    EvaluateTask,
    EvaluationRecord,
    GenerateResult,
    GenerateTask,
    GroupRecord,
    RolloutRecord,
    TrainResult,
    TrainStats,
    TrainTask,
)

FIRST_DAY = dt.date(2025, 8, 18)


def day(number: int) -> dt.date:
    """The n-th day (from 0) of the made-up calendar."""
    return FIRST_DAY + dt.timedelta(days=number)


def make_corpus(
    sessions: Sessions,
    name: str = "sample",
    *,
    dates: Sequence[dt.date] | int = 5,
    per_day: int = 3,
    flags: dict[dt.date, str] | None = None,
    hour: int = 9,
) -> int:
    """Store a corpus whose headlines appear on their day from `hour` UTC on, a minute apart; answers its id.

    `flags` marks all headlines of a date as late or stale.
    """
    days = [day(number) for number in range(dates)] if isinstance(dates, int) else list(dates)
    with sessions.begin() as session:
        corpus = Corpus(name=name, timezone="UTC", stale_after_days=3.0)
        session.add(corpus)
        session.flush()
        session.add_all(
            Headline(
                corpus_id=corpus.id,
                date=date,
                position=position,
                text=f"headline {position} of {date}",
                text_key=f"headline {position} of {date}",
                published_at=dt.datetime(date.year, date.month, date.day, hour, position, tzinfo=dt.UTC),
                flag=(flags or {}).get(date),
                filed_under=date,
                origin=f"made-up:{position + 1}",
            )
            for date in days
            for position in range(per_day)
        )
        return corpus.id


def make_panel(
    sessions: Sessions, corpus_id: int, dates: Sequence[dt.date], *, per_day: int = 1, name: str = "held-out"
) -> list[int]:
    """Store a panel of the last `per_day` headlines of each of these dates; answers their ids."""
    with sessions.begin() as session:
        ids = [headline_id for date in dates for headline_id in _last(session, corpus_id, date, per_day)]
        session.add(Panel(corpus_id=corpus_id, name=name, headline_ids=ids, first=min(dates), last=max(dates), seed=0))
    return ids


def _last(session: Session, corpus_id: int, date: dt.date, number: int) -> list[int]:
    query = select(Headline.id).where(Headline.corpus_id == corpus_id, Headline.date == date)
    return list(session.scalars(query.order_by(Headline.position)))[-number:]


def make_closes(sessions: Sessions, closes: dict[str, dict[dt.date, float]], name: str = "closes") -> None:
    """Store closes by symbol and date, in a new price set or in the one of that name."""
    with sessions.begin() as session:
        found = session.scalars(select(PriceSet).where(PriceSet.name == name)).one_or_none()
        price_set = found or PriceSet(name=name)
        session.add(price_set)
        session.flush()
        known = select(Instrument).where(Instrument.set_id == price_set.id)
        instruments = {instrument.symbol: instrument for instrument in session.scalars(known)}
        for symbol, series in closes.items():
            instrument = instruments.get(symbol) or Instrument(set_id=price_set.id, symbol=symbol, aliases=[])
            session.add(instrument)
            session.flush()
            session.add_all(
                Close(instrument_id=instrument.id, date=date, close=close) for date, close in series.items()
            )


def make_rollout(task: GenerateTask, index: int, **overrides: Any) -> RolloutRecord:
    """A rollout of two tokens that answers a task."""
    values: dict[str, Any] = {
        "index": index,
        "arm": "free" if index < task.config.free_rollouts else "ladder",
        "rung": "free",
        "attempts": 1,
        "raw_text": f"forecast {index}",
        "raw_strict": False,
        "text": f"forecast {index}",
        "token_ids": [7, 8 + index],
        "logprobs": [-0.5, -0.25],
        "forced": [False, True],
        "finish_reason": "stop",
        "policy": task.policy.name,
        "profile": task.profile,
        "temperature": 0.5,
        "seed": 1000 + index,
    }
    return RolloutRecord(**values | overrides)


def generated(task: GenerateTask, **overrides: Any) -> GenerateResult:
    """A whole group for each headline of a task; `overrides` go to every rollout."""
    groups = [
        GroupRecord(
            headline_id=headline.id,
            prompt_text=f"prompt for {headline.text}",
            prompt_token_ids=[1, 2, 3],
            rollouts=[make_rollout(task, index, **overrides) for index in range(task.config.rollouts)],
        )
        for headline in task.headlines
    ]
    return GenerateResult(groups=groups, engine_calls=len(groups), tokens=16 * len(groups), seconds=0.5)


def make_evaluation(rollout_id: int, reward: float = 0.25, **overrides: Any) -> EvaluationRecord:
    """An evaluation of a malformed rollout."""
    values: dict[str, Any] = {
        "rollout_id": rollout_id,
        "verdict": "malformed",
        "valid": False,
        "failed_slot": "Domain",
        "failure": "it is missing",
        "validity": 0.0,
        "leak": False,
        "trade_thinking": 0.2,
        "semantic": 0.1,
        "rank": 1.0,
        "normalized_score": 0.5,
        "outcome_score": 5.0,
        "composite": 0.4,
        "reward": reward,
        "form_score": 0.5,
    }
    return EvaluationRecord(**values | overrides)


def evaluated(task: EvaluateTask, **overrides: Any) -> EvaluateResult:
    """An evaluation of each rollout of a task; rewards grow with the rollout's place in its group."""
    records = [
        make_evaluation(rollout.rollout_id, **{"reward": place / 10} | overrides)
        for group in task.groups
        for place, rollout in enumerate(group.rollouts)
    ]
    return EvaluateResult(evaluations=records, ranker="semantic", leak_list="1", seconds=0.25)


STATS = TrainStats(
    loss=-0.01,
    mean_reward=0.35,
    reward_std=0.1,
    grad_norm=0.7,
    clip_share=0.0,
    log_ratio_mean=0.0,
    log_ratio_max=0.0,
    importance_mean=1.0,
    entropy=1.5,
    groups=3,
    groups_dropped=0,
    rollouts=24,
    tokens=48,
    updates=1,
    policy_lag=0,
    learning_rate=2e-4,
    seconds=1.5,
)


def weights(content: bytes) -> bytes:
    """A safetensors file of one tensor, with these bytes in it."""
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    header = json.dumps({"made-up": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + content


def publish_checkpoint(store: CheckpointStore, task: TrainTask) -> CheckpointRecord:
    """Publish a checkpoint of a few bytes that answers a task."""
    staged = store.stage(task.run, task.date, task.fence)
    (staged / "adapter_model.safetensors").write_bytes(weights(f"{task.run} {task.date} {task.fence}".encode()))
    return store.publish(
        staged,
        run=task.run,
        date=task.date,
        fence=task.fence,
        parent=task.parent.id if task.parent else None,
        base_model=task.config.base_model,
        adapter=task.config.adapter,
    )


def trained(store: CheckpointStore, task: TrainTask) -> TrainResult:
    """A published checkpoint with made-up statistics."""
    stats = STATS.model_copy(update={"policy_lag": task.policy_lag, "groups": len(task.groups)})
    return TrainResult(checkpoint=publish_checkpoint(store, task), stats=stats)
