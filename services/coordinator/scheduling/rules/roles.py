"""The roles of days: the configuration of each, the scored places of the panel, the warm start's headlines. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from services.coordinator.corpora.rules.headlines import DatedHeadline
from services.coordinator.scheduling.rules.selection import seeded_sample
from services.coordinator.states import Role
from shared.errors import InvalidInputError
from shared.run_config import RunConfig


def config_of(role: Role, config: RunConfig) -> RunConfig:
    """The run's configuration with the changes of a role.

    On the panel all rollouts are free, so that scores measure the model and not the decoding ladder. A warm start needs
    valid lines only: all its rollouts use the ladder, and the semantic ranker is the cheapest.
    """
    if role == "panel":
        changes = {"rollouts": config.panel_rollouts, "free_share": 1.0, "profile": config.panel_profile}
        return config.model_copy(update=changes | {"ab_share": 0.0})
    if role == "warm_start":
        return config.model_copy(
            update={"free_share": 0.0, "ab_share": 0.0, "ranker": "semantic", "reward_base": "composite"}
        )
    return config


def scored_places(days: int, every: int) -> list[int]:
    """The places in a chain of `days` whose checkpoints are scored on the panel: each `every`-th, and the last."""
    return [place for place in range(days) if (place + 1) % every == 0 or place == days - 1]


def warm_start_ids(days: Mapping[dt.date, Sequence[DatedHeadline]], config: RunConfig, held_out: set[int]) -> list[int]:
    """The headlines of earlier days that a warm start samples, in order: `config.warm_start` sampled by the seed.

    Flagged ones are left out under dates=enforce, those of the panel always. Raises InvalidInputError if none is left.
    """
    usable = [
        headline.id
        for date in sorted(days)
        for headline in days[date]
        if headline.id not in held_out and (config.dates == "warn" or headline.flag is None)
    ]
    if not usable:
        raise InvalidInputError(
            "config.warm_start: the corpus has no usable headline of a day before the run's first; let the run begin "
            "later (from), import earlier days, or set warm_start=0"
        )
    chosen = seeded_sample(usable, config.warm_start, config.seed, "warm_start")
    return [headline_id for headline_id in usable if headline_id in chosen]
