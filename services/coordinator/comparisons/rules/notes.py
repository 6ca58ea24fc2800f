"""Notes of a comparison: look-ahead, differing settings, and how far the intervals can be trusted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.coordinator.comparisons.rules.figures import Matched
from services.coordinator.comparisons.schemas import Figure, SideView

FEW_HEADLINES: Final = 10
"""Headlines below which the notes warn that the intervals are too narrow."""
# Settings of sampling and scoring, which change a figure whatever was learned; the training is what is compared.
_BOTH: Final = ("preset", "base_model", "format", "horizon", "max_tokens", "ranker", "dates")
_ON_PANEL: Final = (*_BOTH, "panel_profile", "panel_rollouts")
_OFF_PANEL: Final = (
    *_BOTH,
    "lag",
    "headlines",
    "rollouts",
    "free_share",
    "retries",
    "best_of",
    "profile",
    "profile_policy",
)
Config = Mapping[str, Any]


def notes(sides: Sequence[SideView], configs: Sequence[Config], matched: Matched, on_panel: bool) -> list[str]:
    """The notes in order of weight: look-ahead, differences between the sides, trust in the intervals."""
    candidates = [_look_ahead(name, side) for name, side in zip("AB", sides, strict=True)]
    candidates.append(_settings(configs, _ON_PANEL if on_panel else _OFF_PANEL))
    candidates.append(_ranks(sides, on_panel))
    candidates.append(_matching(sides, matched))
    fewest = min(len(matched.a), len(matched.b))
    if fewest < FEW_HEADLINES:
        candidates.append(f"Headlines compared: {fewest}. Intervals from so few are rather too narrow.")
    return [note for note in candidates if note]


def _look_ahead(name: str, side: SideView) -> str:
    if side.look_ahead is None:
        return f"{name} is an imported run: whether its lines look ahead is unknown."
    if not side.look_ahead:
        return ""
    return (
        f"{name} looks ahead: {side.look_ahead} of its {side.lines} lines come from a policy that had learned from "
        "headlines published after their own. They show form and style, not foresight."
    )


def _settings(configs: Sequence[Config], names: Sequence[str]) -> str:
    a, b = configs
    differing = [f"{name} ({a.get(name)}, {b.get(name)})" for name in names if a.get(name) != b.get(name)]
    return f"The runs differ in {', '.join(differing)}: they may be the cause of a difference." if differing else ""


def _ranks(sides: Sequence[SideView], on_panel: bool) -> str:
    if not on_panel:
        return (
            "Ranks average to .5 within each group: here normalized_score, and the part of composite that comes from "
            "it, cannot show that one run beats the other. A panel can."
        )
    if sides[0].run != sides[1].run:
        return (
            "normalized_score and composite rank each line among the lines of its own run's base model; each run "
            "sampled its base model separately."
        )
    return ""


def _matching(sides: Sequence[SideView], matched: Matched) -> str:
    if not matched.paired:
        return "The sides have no headline in common: each is resampled by itself, which makes the intervals wider."
    left_out = [side.headlines - len(matched.a) for side in sides]
    if any(left_out):
        return f"Headlines that only one side has are left out: {left_out[0]} of A, {left_out[1]} of B."
    return ""


def left_out_notes(figures: Sequence[Figure], resamples: int) -> list[str]:
    """One note for each interval that rests on fewer resamples, because some of these count no line."""
    return [
        f"{figure.name} ({figure.among}): {figure.left_out} of {resamples} resamples had no such line on one side and "
        "are left out of its interval."
        for figure in figures
        if figure.left_out
    ]
