"""The configuration of a run: its fields (`config`), the names they take (`names`) and the presets (`presets`)."""

from shared.run_config.config import RunConfig
from shared.run_config.names import (
    HORIZON_DAYS,
    BonusFor,
    Gate,
    Horizon,
    Objective,
    Preset,
    ProfileName,
    RankerName,
    RewardPart,
    Schedule,
)
from shared.run_config.presets import PRESETS

__all__ = [
    "HORIZON_DAYS",
    "PRESETS",
    "BonusFor",
    "Gate",
    "Horizon",
    "Objective",
    "Preset",
    "ProfileName",
    "RankerName",
    "RewardPart",
    "RunConfig",
    "Schedule",
]
