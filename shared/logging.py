"""Plain, one-line logs to standard error, and the capture of one step's lines for its attempt."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
MOST_LOG = 60_000
"""Characters of an attempt's log that are kept: the newest."""


def configure_logging(level: str) -> None:
    """Send everything at `level` and above to standard error."""
    logging.basicConfig(level=level.upper(), format=FORMAT, stream=sys.stderr, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


class _Captured(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=2_000)
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def text(self) -> str:
        return "\n".join(self.lines)[-MOST_LOG:]


@contextmanager
def captured_log() -> Iterator[_Captured]:
    """Collect what this process logs while the block runs."""
    handler = _Captured()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
