"""The rules of the decoding ladder: arm, next rung, best answer, sampler and seed.

Pure. A rung's meaning (what the engine is asked for) is the caller's; adding one means a name in `LADDER` here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.forecast import Asked, Judgement, RepairPlan
from shared.run_config import ProfileName, RunConfig
from shared.wire import Arm, Rung


@dataclass(frozen=True)
class Profile:
    """A sampler: temperature > 0, top_p in (0, 1], top_k ≥ 1."""

    temperature: float
    top_p: float
    top_k: int


PROFILES: Final[dict[ProfileName, Profile]] = {
    "tight": Profile(0.5, 0.85, 50),
    "default": Profile(0.7, 0.90, 50),
    "loose": Profile(0.9, 0.95, 50),
}
LADDER: Final[tuple[Rung, ...]] = ("free", "repair", "guided", "best_of_n")
"""The rungs in order. The last is repeated while retries are left."""


def arm(index: int, config: RunConfig) -> Arm:
    """The arm of a group's rollout: the first `config.free_rollouts` are free, the rest may climb the ladder."""
    return "free" if index < config.free_rollouts else "ladder"


def settled(judgement: Judgement) -> bool:
    """Whether an answer needs no further rung: a forecast (a near miss too), or the refusal of one with its reason."""
    return judgement.valid or judgement.verdict == "abstained"


def calls_of(plan: RepairPlan) -> int:
    """Engine calls that a repair costs: one for each gap."""
    return sum(isinstance(piece, Asked) for piece in plan)


def next_rung(
    rollout_arm: Arm, tried: Sequence[Rung], last: Judgement | None, plan: RepairPlan | None, left: int
) -> Rung | None:
    """The rung to try next, or None when the rollout stands as it is.

    `tried` are the rungs tried so far, `last` is the verdict on the newest answer, `plan` how that would be repaired
    (None if it cannot be), `left` how many engine calls the rollout may still cost.
    """
    if last is None:
        return LADDER[0]
    if settled(last) or rollout_arm == "free":
        return None
    costs = dict.fromkeys(LADDER, 1) | {"repair": left + 1 if plan is None else calls_of(plan)}
    above = LADDER[LADDER.index(tried[-1]) + 1 :] or LADDER[-1:]
    return next((rung for rung in above if costs[rung] <= left), None)


class Merit(NamedTuple):
    """Sort key of an answer: valid before invalid, then form score in [0, 1], then mean log-probability."""

    valid: bool
    form_score: float
    mean_logprob: float


def merit(judgement: Judgement, form_score: float, logprobs: Sequence[float]) -> Merit:
    """The merit of an answer; one without tokens has the lowest mean log-probability there is."""
    return Merit(judgement.valid, form_score, sum(logprobs) / len(logprobs) if logprobs else -math.inf)


def best(merits: Sequence[Merit]) -> int:
    """The index of the best answer, the first of equals."""
    return max(range(len(merits)), key=merits.__getitem__)


def rows_in_flight(rollouts: int, free: int) -> int:
    """The rows that a group's rollouts, `free` of them of the free arm, count as while they are sampled.

    The free ones are one call, which returns with its longest answer: on average, half of them have ended before.
    """
    return rollouts - free // 2


def group_seed(seed: int, date: dt.date, headline: str) -> int:
    """The seed of a group's first answers: that of rollout i is sampled with this + i, as an engine's answer i of n is.

    In [0, 2^31), it depends on nothing but its arguments: the first 31 bits of their SHA-256.
    """
    return _digest(seed, date.isoformat(), headline)


def sampling_seed(seed: int, date: dt.date, headline: str, index: int, attempt: int) -> int:
    """The seed of engine call number `attempt`, from 0, of a rollout; call 0 has a place in its group's seeds.

    It depends on nothing but its arguments: that of a later call is the first 31 bits of their SHA-256.
    """
    if attempt == 0:
        return group_seed(seed, date, headline) + index
    return _digest(seed, date.isoformat(), headline, index, attempt)


def _digest(*parts: object) -> int:
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode("utf8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> 1
