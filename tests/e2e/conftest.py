"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine


@pytest.fixture
def machine(smollm2: Path) -> Iterator[Machine]:
    """A stack with short leases; all its processes end with the test. Its model is the one unpacked for all tests."""
    settings = {"MORROW_LEASE_SECONDS": "5", "MORROW_RESEND_AFTER": "2", "MORROW_BACKOFF_BASE": "0.2"}
    settings |= {"MORROW_BASE_MODEL_PATH": str(smollm2)}
    # Not in pytest's own folder: as root the database runs as another user, who may not enter that folder.
    with tempfile.TemporaryDirectory(prefix="morrow-e2e-", ignore_cleanup_errors=True) as folder:
        stack = Machine(Path(folder) / "home", settings)
        yield stack
        stack.morrow("down")
        for process in stack.processes():
            process.kill()
