"""Plain, one-line logs to standard error, and the capture of one step's lines for its attempt."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

from shared.text.redact import masked
from shared.text.sanitize import escaped_line

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CHATTY = ("httpx", "httpcore", "botocore", "aiobotocore", "s3fs", "urllib3")
"""Libraries that log each request, headers and all, at INFO or DEBUG."""
MAX_LOG = 60_000
"""Characters of an attempt's log that are kept: the newest."""


class SafeFormatter(logging.Formatter):
    """One line per message, whatever is quoted in it, a traceback indented below; and no secrets.

    So nothing that is logged passes for another line of the log, or does something to the terminal that shows it.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The message on one line."""
        return escaped_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """All of it, masked."""
        first, *below = super().format(record).split("\n")
        return masked("\n".join([first, *(f"  {escaped_line(line)}" for line in below)]))


def configure_logging(level: str) -> None:
    """Send everything at `level` and above to standard error, and what ends the process as well, without secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter(FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))
    sys.excepthook = _print_masked


def _print_masked(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


class _Captured(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=2_000)
        self.setFormatter(SafeFormatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        if _capturing.get() in (self, None):
            self.lines.append(self.format(record))

    def text(self) -> str:
        return "\n".join(self.lines)[-MAX_LOG:]


_capturing: ContextVar[_Captured | None] = ContextVar("_capturing", default=None)
"""What the present thread or coroutine logs for; None where that is nobody's in particular."""


@contextmanager
def captured_log() -> Iterator[_Captured]:
    """Collect what this process logs while the block runs, except for what other such blocks log meanwhile.

    Threads and coroutines of the block are known by its context (contextvars).
    """
    handler = _Captured()
    root = logging.getLogger()
    root.addHandler(handler)
    token = _capturing.set(handler)
    try:
        yield handler
    finally:
        _capturing.reset(token)
        root.removeHandler(handler)
