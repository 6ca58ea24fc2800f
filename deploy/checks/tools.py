"""The programs that checks run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


class CheckError(Exception):
    """A deployment could not be looked at."""


def tool(name: str) -> str:
    """Where a program of the development tools is; raises CheckError if it is not installed."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=beside) or shutil.which(name)
    if found is None:
        raise CheckError(f"{name} is not installed; `make check` installs it")
    return found
