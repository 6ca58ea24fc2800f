"""What all messages are, and the words they share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

StepKind = Literal["generate", "evaluate", "train"]
Arm = Literal["free", "ladder"]
Rung = Literal["free", "repair", "guided", "best_of_n", "recorded"]
Verdict = Literal["strict", "normalized", "malformed", "abstained"]
BASE_POLICY = "base"
"""The policy name of the base model without a checkpoint."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
"""Names of runs and corpora: they become file and folder names, so nothing else is admitted."""


class Message(BaseModel):
    """Base of all messages: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
