"""Serves requests one after another, with the imports and the base model of the ones before."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import torch

from services.trainer.job import DONE, OUTCOME, Outcome, UpdateRequest
from services.trainer.update.base import BaseModels
from services.trainer.update.update import update
from shared.errors import MorrowError

log = logging.getLogger(__name__)
# glibc's heap keeps what is freed: after an update 3 GB of a process that needs .8
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def serve(requests: Iterable[str], answers: TextIO) -> None:
    """Make the update of each request file and report it done.

    Ends with its input, and after an update that was refused, which may have left anything behind. Raises what an
    update raises.
    """
    bases = BaseModels()
    for line in requests:
        path = Path(line.rstrip("\n"))
        request = UpdateRequest.model_validate_json(path.read_bytes())
        outcome = run(request, bases)
        (request.work / OUTCOME).write_text(outcome.model_dump_json(), "utf8")
        answers.write(f"{DONE}{path}\n")
        answers.flush()
        if outcome.stats is None:
            return
        free_memory()


def run(request: UpdateRequest, bases: BaseModels) -> Outcome:
    """Make the update; a MorrowError that is not retryable becomes the outcome's error. Raises any other."""
    try:
        return Outcome(stats=update(request, bases, time.perf_counter()))
    except MorrowError as error:
        if error.retryable:
            raise
        log.error("refused: %s", error.detail)
        return Outcome(error=error.detail)


def free_memory() -> None:
    """Give back to the system what an update held; adapter, gradients and moments are in cycles of TRL's trainer."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if _libc is not None and hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
