"""The process of updates: `python -m services.trainer.update WORKER` makes the updates whose requests it reads.

Each line of its standard input is the path of a request; it ends with its input, or with the process id WORKER. It
crashes with an update that does, explained by its last log lines. Heavy imports come after `die_with`, so that a
worker killed meanwhile leaves no process behind.
"""

from __future__ import annotations

import logging
import sys
import time

from shared.process import die_with

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> None:
    """Serve the worker whose process id is the first argument."""
    started = time.perf_counter()
    die_with(int(arguments[0]))
    logging.basicConfig(level="INFO", format="%(levelname)s %(message)s", stream=sys.stdout)
    from services.trainer.update.serve import serve

    log.info("ready for updates after %.2f seconds of imports", time.perf_counter() - started)
    serve(sys.stdin, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
