"""Evaluation records of a group, from its parsed texts and its ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.evaluator import scoring
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers import Pool, Ranking
from services.evaluator.text.degeneration import degeneration_signs
from services.evaluator.text.leak import leak_list, leaked_stems
from services.evaluator.text.parsing import ParsedText
from services.evaluator.trade_thinking.legacy import legacy_trade_thinking
from services.evaluator.trade_thinking.rubric import Rubric, graded_evidence
from shared.run_config import RunConfig
from shared.wire import EvaluationRecord

SEMANTIC: Final = "semantic"


def rewards_semantic(config: RunConfig) -> bool:
    """Whether the reward is computed from the semantic score, whatever the ranker is."""
    return config.reward_base == SEMANTIC or (
        config.reward_base == "mix" and config.reward_weights.get(SEMANTIC, 0) > 0
    )


def trade_of(parsed: ParsedText, config: RunConfig) -> Rubric:
    """Trade-thinking by the rubric of the run's preset."""
    return legacy_trade_thinking(parsed.text) if config.preset == "legacy" else graded_evidence(parsed.evidence)


def base_of(scores: dict[str, float], parsed: ParsedText, config: RunConfig) -> float:
    """The score, in [0, 1], that the reward is computed from.

    A text without a claim of its own gets 0; its composite is 0 already, since it ranks below all others.
    """
    if config.reward_base == "composite":
        return scores["composite"]
    if not parsed.claim:
        return 0.0
    if config.reward_base == "mix":
        return scoring.weighted_mean(scores, {name: w for name, w in config.reward_weights.items() if w > 0})
    return scores[config.reward_base]


@dataclass(frozen=True)
class EmbeddingScores:
    """Scores of a group by embeddings: one entry in [0, 1] per rollout, None where they were not computed."""

    semantic: Sequence[float] | None
    grounding: Sequence[float] | None = None


def _scores(
    normalized: float, trade: float, brier: float | None, semantic: float | None, grounding: float | None
) -> dict[str, float]:
    """The scores that a reward can be computed from, by their names in `reward_base`; all in [0, 1]."""
    return {
        "composite": scoring.composite(normalized, trade),
        "normalized_score": normalized,
        "resolved": scoring.resolved_score(brier),
        "trade_thinking": trade,
        "grounding": 0.0 if grounding is None else grounding,
    } | ({SEMANTIC: semantic} if semantic is not None else {})


def _record(
    i: int, pool: Pool, ranking: Ranking, embedding: EmbeddingScores, inputs: ScoringInputs
) -> EvaluationRecord:
    semantic = embedding.semantic[i] if embedding.semantic else None
    grounding = embedding.grounding[i] if embedding.grounding else None
    parsed, config = pool.texts[i], inputs.config
    judgement, trade, normalized = parsed.judgement, trade_of(parsed, config), ranking.normalized[i]
    stems = leaked_stems(parsed.text, leak_list(config.preset))
    scores = _scores(normalized, trade.total, parsed.brier, semantic, grounding)
    # only earlier texts: the first of two equal ones is no duplicate
    signs = degeneration_signs(parsed.text, parsed.statement, pool.group.headline, [r.text for r in pool.texts[:i]])
    base = base_of(scores, parsed, config)
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
        rank=ranking.ranks[i],
        normalized_score=normalized,
        outcome_score=scoring.outcome_score(normalized),
        composite=scores["composite"],
        reward=scoring.reward(base, judgement.verdict, signs, config, inputs.bonus, grounding),
        grounding=grounding,
        form_score=parsed.form_score,
        signs=signs,
        settlement=parsed.settlement,
    )


def evaluations(
    pool: Pool, ranking: Ranking, embedding: EmbeddingScores, inputs: ScoringInputs
) -> list[EvaluationRecord]:
    """The records of a group, in the order of its rollouts."""
    return [_record(i, pool, ranking, embedding, inputs) for i in range(len(pool.texts))]
