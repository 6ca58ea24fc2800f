"""From a group and its ranking to the group's evaluations. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.evaluator import scoring
from services.evaluator.evidence import Evidence, Source
from services.evaluator.leak import leak_list, leaked_stems
from services.evaluator.parts import Rubric
from services.evaluator.rubric import graded_evidence
from services.evaluator.seed_rubric import seed_trade_thinking
from shared.errors import InvalidInputError
from shared.forecast import Judgement, judge
from shared.run_config import RunConfig
from shared.wire import EvaluationRecord, GroupToScore, RolloutToScore


@dataclass(frozen=True)
class Reading:
    """What a rollout says, before it is compared with others.

    `claim` is what a ranker compares with the outcomes: the Claim slot if there is a sound one, else the text; empty if
    nothing in it is the text's own (empty text, template, headline, copied example) or if it abstains.
    """

    rollout: RolloutToScore
    judgement: Judgement
    trade: Rubric
    claim: str
    stems: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A ranker's verdict on a group: one entry per rollout, in its order.

    `ranks` in [1, n] with 1 best, `normalized` and `semantic` (None from a ranker that does not compute it) in [0, 1].
    """

    ranks: list[float]
    normalized: list[float]
    semantic: list[float] | None = None


def standing_by(scores: list[float], texts: list[str], semantic: list[float] | None = None) -> Standing:
    """The standing of a group by scores of which higher is better; identical texts always tie."""
    ranks = scoring.places(scoring.tied(texts, scores))
    return Standing(ranks, [scoring.normalized_score(rank, len(ranks)) for rank in ranks], semantic)


def _claim(rollout: RolloutToScore, judgement: Judgement, source: Source) -> str:
    if judgement.verdict == "abstained":
        return ""
    claim = judgement.slots.get("Claim", rollout.text)
    return claim if Evidence(claim, source).speaks else ""


def read_group(group: GroupToScore, config: RunConfig) -> list[Reading]:
    """Judge, grade and search each text of a group."""
    source = Source.of(group.prompt_text, group.headline)
    version = leak_list(config.preset)
    readings = []
    for rollout in group.rollouts:
        judgement = judge(rollout.text, group.headline)
        seed = config.preset == "seed"
        trade = seed_trade_thinking(rollout.text) if seed else graded_evidence(Evidence(rollout.text, source))
        stems = tuple(leaked_stems(rollout.text, version))
        readings.append(Reading(rollout, judgement, trade, _claim(rollout, judgement, source), stems))
    return readings


def _base(reading: Reading, config: RunConfig, composite: float, normalized: float, semantic: float | None) -> float:
    """The score that the reward is made of. A text without a claim of its own earns none, whatever place it shares."""
    if config.reward_base == "composite":
        return composite
    if config.reward_base == "normalized_score":
        return normalized if reading.claim else 0.0
    if semantic is None:
        raise InvalidInputError(
            f"reward_base: semantic is not computed by the ranker {config.ranker}; set ranker=semantic or another base"
        )
    return semantic


def _record(reading: Reading, standing: Standing, i: int, config: RunConfig) -> EvaluationRecord:
    judgement = reading.judgement
    normalized = standing.normalized[i]
    semantic = standing.semantic[i] if standing.semantic else None
    composite = scoring.composite(normalized, reading.trade.total)
    base = _base(reading, config, composite, normalized, semantic)
    return EvaluationRecord(
        rollout_id=reading.rollout.rollout_id,
        verdict=judgement.verdict,
        valid=judgement.valid,
        failed_slot=judgement.failed_slot,
        failure=judgement.failure,
        normalized_text=judgement.normalized_text,
        changes=list(judgement.changes),
        validity=scoring.validity(judgement.valid),
        leak=bool(reading.stems),
        leak_stems=list(reading.stems),
        trade_thinking=reading.trade.total,
        trade_parts=reading.trade.parts,
        semantic=semantic,
        rank=standing.ranks[i],
        normalized_score=normalized,
        outcome_score=scoring.outcome_score(normalized),
        composite=composite,
        reward=scoring.reward(base, judgement.valid, config.gate, config.bonus),
        form_score=scoring.validity(judgement.valid),
    )


def evaluations(readings: list[Reading], standing: Standing, config: RunConfig) -> list[EvaluationRecord]:
    """The records of a group, in the order of its rollouts."""
    return [_record(reading, standing, i, config) for i, reading in enumerate(readings)]
