"""The cause of a part's exit in one line, from its exit status and the tail of its log."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from shared.text.redact import masked
from shared.text.sanitize import for_terminal

_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '([^']+)'")
_IN_USE = re.compile(r"address already in use", re.IGNORECASE)
_PORT = re.compile(r"(?:127\.0\.0\.1['\"]?[:,]\s*|port )(\d{2,5})")
_STAMP = re.compile(r"^\[?\d{4}-\d\d-\d\d[ T][\d:,.]+\S*\s*")
_ERROR = re.compile(r"^[\w.]*(?:Error|Exception): \S")
MAX_LINE = 240


def missing_module(tail: str) -> str | None:
    """The module whose import failed according to the log, or None."""
    modules = _MODULE.findall(tail)
    return str(modules[-1]) if modules else None


def is_permanent(tail: str) -> bool:
    """Whether a restart cannot cure the failure: a missing package or an occupied port."""
    return missing_module(tail) is not None or _IN_USE.search(tail) is not None


def last_line(tail: str) -> str:
    """The last of the tail's error lines if one is among the last three, else the last line.

    Without time stamp, control characters and secrets, cut to MAX_LINE characters; empty for an empty tail.
    """
    lines = [_STAMP.sub("", line.strip()) for line in tail.splitlines() if line.strip()]
    # Some libraries print remarks after the error, as SQLAlchemy does.
    errors = [line for line in lines[-3:] if _ERROR.match(line)]
    return masked(for_terminal([*lines, *errors][-1]))[:MAX_LINE] if lines else ""


def exit_reason(code: int | None, tail: str, log: Path, cure: str) -> str:
    """One line: the missing package and the cure, or the exit status with the log's last line and path."""
    module = missing_module(tail)
    if module is not None:
        return f"the package {module.split('.')[0]} is not installed" + (f": {cure}" if cure else "")
    in_use = _IN_USE.search(tail)
    if in_use:
        # The port may precede the words that match.
        port = _PORT.search(tail, max(in_use.start() - 200, 0))
        return f"its port {port[1] + ' ' if port else ''}is in use by another program (log: {log})"
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name} (log: {log})"
    status = f"ended with status {code}" if code else "ended"
    line = last_line(tail)
    return f"{status}{': ' + line if line else ''} (log: {log})"
