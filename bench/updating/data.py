"""The stored rollouts as a day's groups."""

from __future__ import annotations

import json
from pathlib import Path

from shared.wire import TrainGroup, TrainRollout

DATA = Path(__file__).parents[1] / "data" / "rollouts.json"
SAMPLER = -0.5
"""Log-probability that the sampler is taken to have given each token; the importance weights follow from it."""


def stored(count: int) -> list[TrainGroup]:
    """The first groups of the stored batch."""
    data = json.loads(DATA.read_text("utf8"))
    return [
        TrainGroup(
            group_id=number,
            prompt_token_ids=group["prompt"],
            temperature=data["temperature"],
            rollouts=[
                TrainRollout(
                    rollout_id=8 * number + place,
                    token_ids=answer,
                    logprobs=[SAMPLER] * len(answer),
                    forced=[False] * len(answer),
                    reward=reward,
                    valid=True,
                    normalized_score=reward,
                )
                for place, (answer, reward) in enumerate(zip(group["answers"], group["rewards"], strict=True))
            ],
        )
        for number, group in enumerate(data["groups"][:count])
    ]
