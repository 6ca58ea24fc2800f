"""The spawned process: `python -m services.trainer.update REQUEST` makes one update and ends.

Exit status 0 means that the outcome file exists, with figures or with an error that another attempt cannot cure. Any
other status is a crash, explained by its last log lines. Heavy imports come after `die_with`, so that a worker killed
meanwhile leaves no process behind.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from services.trainer.job import OUTCOME, Outcome, UpdateRequest
from shared.errors import MorrowError
from shared.process import die_with

log = logging.getLogger(__name__)


def run(request: UpdateRequest, started: float) -> Outcome:
    """Make the update; a MorrowError that is not retryable becomes the outcome's error. Raises any other."""
    from services.trainer.update.update import update

    try:
        return Outcome(stats=update(request, started))
    except MorrowError as error:
        if error.retryable:
            raise
        log.error("refused: %s", error.detail)
        return Outcome(error=error.detail)


def main(arguments: list[str]) -> None:
    """Make the update of the request file (first argument) under the worker's process id (second)."""
    started = time.perf_counter()
    path, worker = Path(arguments[0]), int(arguments[1])
    die_with(worker)
    logging.basicConfig(level="INFO", format="%(levelname)s %(message)s", stream=sys.stdout)
    request = UpdateRequest.model_validate_json(path.read_bytes())
    (request.work / OUTCOME).write_text(run(request, started).model_dump_json(), "utf8")


if __name__ == "__main__":
    main(sys.argv[1:])
