"""The decoding ladder as decisions: who climbs it, which rung is next, with which seed and sampler.

Pure. A rung's meaning (what the engine is asked for) is the caller's; adding one means a name in `LADDER` here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.forecast import Judgement
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
LADDER: Final[tuple[Rung, ...]] = ("free", "guided")
"""The rungs in order. The last is repeated while retries are left."""


def arm(index: int, config: RunConfig) -> Arm:
    """The arm of a group's rollout: the first `config.free_rollouts` are free, the rest may climb the ladder."""
    return "free" if index < config.free_rollouts else "ladder"


def settled(judgement: Judgement) -> bool:
    """Whether an answer needs no further rung: a forecast (a near miss too), or the refusal of one with its reason."""
    return judgement.valid or judgement.verdict == "abstained"


def next_rung(rollout_arm: Arm, tried: Sequence[Rung], last: Judgement | None, retries: int) -> Rung | None:
    """The rung to try next, or None when the rollout stands as it is.

    `tried` are the rungs tried so far, one per engine call; `last` is the verdict on the newest answer.
    """
    if last is None:
        return LADDER[0]
    if settled(last) or rollout_arm == "free" or len(tried) > retries:
        return None
    return LADDER[min(LADDER.index(tried[-1]) + 1, len(LADDER) - 1)]


def sampling_seed(seed: int, date: dt.date, headline: str, index: int, attempt: int) -> int:
    """A seed in [0, 2^31) that depends on nothing but its arguments: the first 31 bits of their SHA-256."""
    text = "\x1f".join([str(seed), date.isoformat(), headline, str(index), str(attempt)])
    digest = hashlib.sha256(text.encode("utf8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> 1
