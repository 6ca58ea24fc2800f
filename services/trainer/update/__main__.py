"""The spawned process: `python -m services.trainer.update REQUEST` makes one update and ends.

Exit status 0 means that the outcome file says how it ended: with figures, or with a refusal that trying again will
not cure. Any other status is a crash, told by the lines before it. Heavy imports wait until the process is tied to
its worker's life.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from pathlib import Path

from services.trainer.job import OUTCOME, Outcome, UpdateRequest
from shared.errors import MorrowError

log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its worker dies, or end now if the worker is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(f"the worker {parent} is gone")


def run(request: UpdateRequest, started: float) -> Outcome:
    """Make the update; a MorrowError that no second attempt can cure becomes part of the outcome."""
    from services.trainer.update.update import update

    try:
        return Outcome(stats=update(request, started))
    except MorrowError as error:
        if error.retryable:
            raise
        log.error("refused: %s", error.detail)
        return Outcome(error=error.detail)


def main(arguments: list[str]) -> None:
    """Read the request that the first argument names, do it under the worker of the second, and write the outcome."""
    started = time.perf_counter()
    path, worker = Path(arguments[0]), int(arguments[1])
    die_with(worker)
    logging.basicConfig(level="INFO", format="%(levelname)s %(message)s", stream=sys.stdout)
    request = UpdateRequest.model_validate_json(path.read_bytes())
    (request.work / OUTCOME).write_text(run(request, started).model_dump_json(), "utf8")


if __name__ == "__main__":
    main(sys.argv[1:])
