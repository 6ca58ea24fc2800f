"""From the readings of a group and its standing to the group's evaluations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.evaluator import scoring
from services.evaluator.context import Job
from services.evaluator.rankers import Pool, Standing
from services.evaluator.text.degeneration import signs_of
from services.evaluator.text.leak import leak_list, leaked_stems
from services.evaluator.text.parsing import Reading
from services.evaluator.trade_thinking.legacy import legacy_trade_thinking
from services.evaluator.trade_thinking.parts import Rubric
from services.evaluator.trade_thinking.rubric import graded_evidence
from shared.run_config import RunConfig
from shared.wire import EvaluationRecord

SEMANTIC: Final = "semantic"


def rewards_semantic(config: RunConfig) -> bool:
    """Whether the reward is made of the semantic score, whatever the ranker is."""
    return config.reward_base == SEMANTIC or (
        config.reward_base == "mix" and config.reward_weights.get(SEMANTIC, 0) > 0
    )


def trade_of(reading: Reading, config: RunConfig) -> Rubric:
    """Trade-thinking by the rubric of the run's preset."""
    return legacy_trade_thinking(reading.text) if config.preset == "legacy" else graded_evidence(reading.evidence)


def base_of(scores: dict[str, float], reading: Reading, config: RunConfig) -> float:
    """The score, in [0, 1], that the reward is made of.

    A text without a claim of its own earns none; for the composite that is so by its place.
    """
    if config.reward_base == "composite":
        return scores["composite"]
    if not reading.claim:
        return 0.0
    if config.reward_base == "mix":
        return scoring.weighted_mean(scores, {name: w for name, w in config.reward_weights.items() if w > 0})
    return scores[config.reward_base]


@dataclass(frozen=True)
class Likeness:
    """What embeddings say of a group beside its order: one entry per rollout, None where it was not computed."""

    semantic: Sequence[float] | None
    grounding: Sequence[float] | None = None


def _record(i: int, pool: Pool, standing: Standing, likeness: Likeness, job: Job) -> EvaluationRecord:
    semantic = likeness.semantic[i] if likeness.semantic else None
    grounding = likeness.grounding[i] if likeness.grounding else None
    reading, config = pool.readings[i], job.config
    judgement, trade, normalized = reading.judgement, trade_of(reading, config), standing.normalized[i]
    stems = leaked_stems(reading.text, leak_list(config.preset))
    scores = {
        "composite": scoring.composite(normalized, trade.total),
        "normalized_score": normalized,
        "resolved": scoring.resolved_score(reading.brier),
        "trade_thinking": trade.total,
        "grounding": 0.0 if grounding is None else grounding,
    } | ({SEMANTIC: semantic} if semantic is not None else {})
    signs = signs_of(reading.text, reading.said, pool.group.headline, [r.text for r in pool.readings[:i]])
    base = base_of(scores, reading, config)
    return EvaluationRecord(
        rollout_id=pool.group.rollouts[i].rollout_id,
        verdict=judgement.verdict,
        valid=judgement.valid,
        failed_slot=judgement.failed_slot,
        failure=judgement.failure,
        normalized_text=judgement.normalized_text,
        changes=list(judgement.changes),
        validity=scoring.validity(judgement.valid),
        leak=bool(stems),
        leak_stems=stems,
        trade_thinking=trade.total,
        trade_parts=trade.parts,
        semantic=semantic,
        rank=standing.ranks[i],
        normalized_score=normalized,
        outcome_score=scoring.outcome_score(normalized),
        composite=scores["composite"],
        reward=scoring.reward(base, judgement.verdict, signs, config, job.bonus, grounding),
        grounding=grounding,
        form_score=reading.form_score,
        signs=signs,
        settlement=reading.settlement,
    )


def evaluations(pool: Pool, standing: Standing, likeness: Likeness, job: Job) -> list[EvaluationRecord]:
    """The records of a group, in the order of its rollouts."""
    return [_record(i, pool, standing, likeness, job) for i in range(len(pool.readings))]
