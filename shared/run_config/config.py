"""The configuration of a run: validated, bounded, frozen and hashed at creation."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

from pydantic import Field, model_validator

from shared.run_config.learning import LearningFields
from shared.run_config.presets import PRESETS


class RunConfig(LearningFields):
    """Everything that decides what a run computes. Unknown keys are refused; a preset fills what is not given."""

    # The fields are inherited in a line, so that their order is that of a run: sample, score, learn, execute.
    generate_chunk: int = Field(4, ge=1, le=1000, description="Headlines per generate step.")
    evaluate_chunk: int = Field(16, ge=1, le=1000, description="Groups per evaluate step.")
    max_parallel_days: int = Field(4, ge=1, le=1000, description="Days of this run that may be in progress at once.")
    max_attempts: int = Field(5, ge=1, le=50, description="Attempts a step may cost before its day fails.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.reward_base == "mix" and not sum(self.reward_weights.values()) > 0:
            raise ValueError("reward_weights: reward_base=mix needs at least one weight above 0")
        if any(weight < 0 for weight in self.reward_weights.values()):
            raise ValueError("reward_weights: a weight below 0 would reward what is bad; use 0 or more")
        settles = self.ranker == "resolved" or self.reward_base == "resolved" or "resolved" in self.reward_weights
        if settles and self.prices is None:
            raise ValueError("prices: settling claims needs a price set; import one and name it")
        if self.promote == "panel" and not (self.panel and self.train):
            raise ValueError("promote: `panel` needs panel=NAME and train=true; use always or never without them")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return PRESETS.get(str(data.get("preset", "default")), {}) | data

    def digest(self) -> str:
        """SHA-256 of the canonical JSON: equal configurations have equal digests."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def free_rollouts(self) -> int:
        """How many rollouts of a group are of the free arm (rounded to the nearest, ties up)."""
        return int(self.rollouts * self.free_share + 0.5)
