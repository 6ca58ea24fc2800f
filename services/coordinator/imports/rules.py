"""Rules of a recorded run: its configuration, its rows, its ranks, and warnings on suspicious records. Pure.

Each warning stands for a fault that files of the predecessor had, although they looked sound.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from services.coordinator.corpora.rules.headlines import flag_of
from services.coordinator.imports.schemas import RecordedDay, RecordedGroup, RecordedRollout, RunImport
from services.coordinator.stats.ranks import average_ranks
from shared.forecast import judge
from shared.run_config import RunConfig

STALE_AFTER = dt.timedelta(days=3)
"""Age of a headline at its day beyond which its publication time counts as false."""
CONSTANT_SHARE = 0.5
"""Share of groups from which a common rank vector is reported as constant."""
TEMPERATURES = {"tight": 0.5, "default": 0.7, "loose": 0.9}
"""Temperatures by sampler profile: the files name the profile only."""


def import_config(request: RunImport) -> RunConfig:
    """The configuration of an imported run: preset legacy, recorded ranks, no training."""
    sizes = Counter(len(group.rollouts) for day in request.days for group in day.groups)
    return RunConfig(
        preset="legacy",
        base_model=request.base_model,
        ranker="recorded",
        # Kept and reported: to drop a headline would drop recorded scores with it.
        dates="warn",
        # The most frequent group size, within the bounds of a configuration.
        rollouts=min(max(sizes.most_common(1)[0][0], 2), 64),
        free_share=1.0,
        retries=0,
        train=False,
    )


def warnings_of(days: Sequence[RecordedDay], zone: ZoneInfo) -> list[str]:
    """One sentence per kind of fault, with counts; an empty list for a sound run."""
    groups = [group for day in days for group in day.groups]
    sentences = (
        _constant_ranks(groups),
        _odd_ranks(groups),
        _unlike_rewards(groups),
        _duplicate_ids(days),
        _other_texts(days),
        _false_times(days, zone),
        _without_times(groups),
        _unscored(groups),
    )
    return [sentence for sentence in sentences if sentence]


def scorable(group: RecordedGroup) -> bool:
    """Whether every rollout of the group has a rank or a reward of rank."""
    return all(rollout.rank is not None or rollout.reward is not None for rollout in group.rollouts)


def has_scores(day: RecordedDay) -> bool:
    """Whether the day has a scorable group."""
    return any(scorable(group) for group in day.groups)


def ranks(group: RecordedGroup) -> list[float]:
    """The group's ranks by position, 1 the best; if one is missing, all are the average ranks of the rewards.

    The group must be scorable.
    """
    recorded = [rollout.rank for rollout in group.rollouts if rollout.rank is not None]
    if len(recorded) == len(group.rollouts):
        return recorded
    # Never a mixture: recorded ranks and ranks by reward need not be on one scale.
    rewards = [-1.0 if rollout.reward is None else rollout.reward for rollout in group.rollouts]
    return average_ranks([-reward for reward in rewards])


def rollout_rows(group_id: int, group: RecordedGroup, profile: str, policy: str) -> list[dict[str, Any]]:
    """The columns of the rollouts of a scorable group; the record itself is kept beside its text."""
    return [
        {
            "group_id": group_id,
            "index": rollout.rollout_id,
            "arm": "free",
            "rung": "recorded",
            "attempts": 1,
            "raw_text": rollout.text,
            # The files do not record it; the text that was scored stands in for the raw attempt.
            "raw_strict": judge(rollout.text, group.headline).verdict == "strict",
            "text": rollout.text,
            "token_ids": [],
            "logprobs": [],
            "forced": [],
            "finish_reason": "stop",
            "policy": policy,
            "profile": profile,
            "temperature": TEMPERATURES.get(profile, 0.0),
            "seed": 0,
            "recorded": rollout.model_dump(mode="json", exclude_none=True, exclude={"text"})
            | {"rank": rank, "horizon": group.horizon},
        }
        for rollout, rank in zip(group.rollouts, ranks(group), strict=True)
    ]


def _rollouts(groups: Iterable[RecordedGroup]) -> Iterator[RecordedRollout]:
    return (rollout for group in groups for rollout in group.rollouts)


def _constant_ranks(groups: Sequence[RecordedGroup]) -> str | None:
    vectors = Counter(tuple(ranks(group)) for group in groups if scorable(group) and len(group.rollouts) > 1)
    if not vectors or vectors.total() < 2:
        return None
    (vector, count), total = vectors.most_common(1)[0], vectors.total()
    if count < 2 or count / total < CONSTANT_SHARE:
        return None
    groups_have = f"All {total} groups have" if count == total else f"{count} of {total} groups have"
    written = ", ".join(f"{rank:g}" for rank in vector)
    return f"{groups_have} the same ranks by position ({written}): such a ranking says nothing about the texts."


def _odd_ranks(groups: Sequence[RecordedGroup]) -> str | None:
    odd = sum(
        not 1 <= rollout.rank <= len(group.rollouts)
        for group in groups
        for rollout in group.rollouts
        if rollout.rank is not None
    )
    return f"{odd} rollouts have a rank outside 1 to the size of their group." if odd else None


def _unlike_rewards(groups: Sequence[RecordedGroup]) -> str | None:
    pairs = unlike = 0
    for group in groups:
        for one, other in combinations(group.rollouts, 2):
            if one.text == other.text:
                pairs += 1
                unlike += (one.rank, one.reward) != (other.rank, other.reward)
    if not unlike:
        return None
    return f"{unlike} of {pairs} pairs of identical texts within a group have different rewards."


def _duplicate_ids(days: Sequence[RecordedDay]) -> str | None:
    ids = Counter(r.prediction_id for day in days for r in _rollouts(day.groups) if r.prediction_id is not None)
    sharing = sum(count for count in ids.values() if count > 1)
    if not sharing:
        return None
    share = 100 * sharing / ids.total()
    return (
        f"{sharing} of {ids.total()} rollouts ({share:.1f} %) share their prediction_id with another; "
        "rollouts are told apart by date, headline, horizon and rollout_id instead."
    )


def _other_texts(days: Sequence[RecordedDay]) -> str | None:
    compared = other = 0
    dates = set()
    for day in days:
        for rollout in _rollouts(day.groups):
            compared += rollout.prediction is not None
            if rollout.prediction not in (None, rollout.text):
                other += 1
                dates.add(day.date)
    if not other:
        return None
    when = ", ".join(str(date) for date in sorted(dates))
    return f"{other} of {compared} rollouts were scored on another text than was predicted ({when})."


def _false_times(days: Sequence[RecordedDay], zone: ZoneInfo) -> str | None:
    flags: Counter[str | None] = Counter()
    dates = set()
    for day in days:
        for group in day.groups:
            if group.published_at is not None:
                flag = flag_of(group.published_at, day.date, zone, STALE_AFTER)
                flags[flag] += 1
                dates |= {day.date} if flag else set()
    if not dates:
        return None
    when = ", ".join(str(date) for date in sorted(dates))
    return (
        f"{flags['late'] + flags['stale']} of {flags.total()} headlines were not published on their day in {zone.key} "
        f"({flags['late']} after it, {flags['stale']} more than {STALE_AFTER.days} days before it): {when}."
    )


def _without_times(groups: Sequence[RecordedGroup]) -> str | None:
    without = sum(group.published_at is None for group in groups)
    if not without:
        return None
    return (
        f"{without} of {len(groups)} groups have no publication time; the beginning of their day (UTC) stands for it."
    )


def _unscored(groups: Sequence[RecordedGroup]) -> str | None:
    without = sum(not scorable(group) for group in groups)
    return f"{without} of {len(groups)} groups have no recorded ranks and are left out." if without else None
