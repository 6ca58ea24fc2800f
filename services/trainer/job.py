"""What the worker hands to the process that trains, and what that process says at its end: two small JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from services.trainer.settings import LayoutName
from shared.wire import Message, TrainStats, TrainTask

WORK = "work"
"""The folder inside the staging folder that holds both files; it is removed before the checkpoint is published."""
REQUEST = "request.json"
OUTCOME = "outcome.json"


class UpdateRequest(Message):
    """One update to make. `base` is a folder or hub id, `parent` the verified folder of the parent's checkpoint."""

    task: TrainTask
    base: str
    parent: Path | None
    staged: Path
    device: Literal["auto", "cpu", "cuda"]
    threads: int
    layout: LayoutName = "packed"
    pack_tokens: int = 512

    @property
    def work(self) -> Path:
        """The folder for what is not published."""
        return self.staged / WORK


class Outcome(Message):
    """How it ended: `stats` after an update, or the `error` that trying again will not cure."""

    stats: TrainStats | None = None
    error: str | None = None
