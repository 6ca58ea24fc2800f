"""What a preset of the reward sets in a run's configuration."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "default": {"gate": "validity", "reward_base": "composite", "bonus": 0.1},
    "legacy": {"gate": "off", "reward_base": "composite", "bonus": 0.0, "bonus_schedule": "constant"},
}
