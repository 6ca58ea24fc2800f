"""What the worker and the training process exchange: an update request and its outcome, both files of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from services.trainer.settings import LayoutName
from shared.wire import Message, TrainStats, TrainTask

WORK = "work"
"""The folder inside the staging folder that holds both files; it is removed before the checkpoint is published."""
REQUEST = "request.json"
OUTCOME = "outcome.json"
DONE = "\x1edone "
"""Begins the line of the process' output that reports a request done, before the path of the request's file."""


class UpdateRequest(Message):
    """The request of one update. `base` is a folder or hub id, `parent` the verified folder of the parent's checkpoint.

    `pack_tokens` is the limit of prompt and answer tokens per pack; on a processor, turns are taken at `compute_lock`.
    """

    task: TrainTask
    base: str
    parent: Path | None
    staged: Path
    device: Literal["auto", "cpu", "cuda"]
    layout: LayoutName = "packed"
    pack_tokens: int = 512
    compute_lock: str = ""

    @property
    def work(self) -> Path:
        """The folder of files that are not published."""
        return self.staged / WORK


class Outcome(Message):
    """The end of an update: its `stats`, or the `error` that another attempt cannot cure."""

    stats: TrainStats | None = None
    error: str | None = None
