"""Results of real size that cost nothing: groups with token ids and log-probabilities, evaluations, checkpoints."""

from __future__ import annotations

import json
import random
import struct

from shared.checkpoints import CheckpointStore
from shared.wire import (
    EvaluateResult,
    EvaluateTask,
    EvaluationRecord,
    GenerateResult,
    GenerateTask,
    GroupRecord,
    Result,
    RolloutRecord,
    Task,
    TrainResult,
    TrainStats,
    TrainTask,
)

PROMPT_TOKENS, ANSWER_TOKENS, VOCABULARY = 300, 60, 49_152
_RANDOM = random.Random(7)  # noqa: S311 - the same values in each process
_PROMPT = [_RANDOM.randrange(VOCABULARY) for _ in range(PROMPT_TOKENS)]
_IDS = [_RANDOM.randrange(VOCABULARY) for _ in range(ANSWER_TOKENS)]
# As from an engine: float32, so that the double's decimals are long.
_LOGPROBS = [struct.unpack("f", struct.pack("f", -_RANDOM.expovariate(1.0)))[0] for _ in range(ANSWER_TOKENS)]
_FORCED = [place % 3 == 0 for place in range(ANSWER_TOKENS)]
_SYSTEM = "You read one headline and write one falsifiable forecast about the next trading day. " * 14
_LINE = (
    "Domain=MarketMove; Proxy=EUR/USD; Horizon=1d; Prob=11%; Claim=EUR/USD increases to 1.5%; Rationale=It increases "
    "because higher guidance points to higher interest rates; Risk=If interest rates fall; Confidence=2"
)


def result_of(task: Task, store: CheckpointStore) -> Result:
    """A made-up result that answers a task."""
    match task:
        case GenerateTask():
            return _generated(task)
        case EvaluateTask():
            return _evaluated(task)
        case TrainTask():
            return _trained(task, store)


def _generated(task: GenerateTask) -> GenerateResult:
    groups = [
        GroupRecord(
            headline_id=headline.id,
            prompt_text=f"{_SYSTEM}\n{headline.text}",
            prompt_token_ids=_PROMPT,
            rollouts=[_rollout(task, index) for index in range(task.config.rollouts)],
        )
        for headline in task.headlines
    ]
    return GenerateResult(groups=groups, engine_calls=len(groups), tokens=480 * len(groups), seconds=0.01)


def _rollout(task: GenerateTask, index: int) -> RolloutRecord:
    return RolloutRecord(
        index=index,
        arm="free" if index < task.config.free_rollouts else "ladder",
        rung="free",
        attempts=1,
        sampled_tokens=ANSWER_TOKENS,
        raw_text=_LINE,
        raw_strict=True,
        text=_LINE,
        token_ids=_IDS,
        logprobs=_LOGPROBS,
        forced=_FORCED,
        finish_reason="stop",
        policy=task.policy.name,
        profile=task.profile,
        temperature=0.9,
        seed=1_000_000_007 + index,
    )


def _evaluated(task: EvaluateTask) -> EvaluateResult:
    records = [
        EvaluationRecord(
            rollout_id=rollout.rollout_id,
            verdict="strict",
            valid=True,
            validity=1.0,
            leak=False,
            trade_thinking=0.4321,
            trade_parts={"direction": 0.25, "magnitude": 0.5, "mechanism": 0.125, "risk": 1.0, "horizon": 0.0},
            semantic=0.3127834,
            rank=place + 1.0,
            normalized_score=1 - place / len(group.rollouts),
            outcome_score=4.5,
            composite=0.4218731,
            reward=0.1 + 0.9 * place / len(group.rollouts),
            grounding=0.875,
            form_score=1.0,
        )
        for group in task.groups
        for place, rollout in enumerate(group.rollouts)
    ]
    return EvaluateResult(evaluations=records, ranker="semantic", leak_list="1", seconds=0.01)


def _trained(task: TrainTask, store: CheckpointStore) -> TrainResult:
    staged = store.stage(task.run, task.date, task.fence)
    content = f"{task.run} {task.date} {task.fence}".encode()
    header = json.dumps({"made-up": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}})
    weights = len(header).to_bytes(8, "little") + header.encode() + content
    (staged / "adapter_model.safetensors").write_bytes(weights)
    record = store.publish(
        staged,
        run=task.run,
        date=task.date,
        fence=task.fence,
        parent=task.parent.id if task.parent else None,
        base_model=task.config.base_model,
        adapter=task.config.adapter,
    )
    rollouts = [rollout for group in task.groups for rollout in group.rollouts]
    stats = TrainStats(
        loss=-0.0123,
        mean_reward=sum(rollout.reward for rollout in rollouts) / max(len(rollouts), 1),
        reward_std=0.1,
        grad_norm=0.7,
        clip_share=0.0,
        log_ratio_mean=0.0,
        log_ratio_max=0.0,
        importance_mean=1.0,
        entropy=1.5,
        groups=len(task.groups),
        groups_dropped=0,
        rollouts=len(rollouts),
        tokens=sum(len(rollout.token_ids) for rollout in rollouts),
        updates=1,
        policy_lag=task.policy_lag,
        learning_rate=task.learning_rate,
        seconds=0.01,
    )
    return TrainResult(checkpoint=record, stats=stats)
