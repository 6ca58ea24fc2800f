"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine with quick leases; nothing of it is left running afterwards, whatever happens."""
    settings = {"MORROW_LEASE_SECONDS": "5", "MORROW_RESEND_AFTER": "2", "MORROW_BACKOFF_BASE": "0.2"}
    given = os.environ.get("MORROW_TEST_BASE_MODEL_PATH")
    # Not in pytest's own folder: as root the database runs as another user, to whom that folder is closed.
    with tempfile.TemporaryDirectory(prefix="morrow-e2e-", ignore_cleanup_errors=True) as folder:
        made = Machine(Path(folder) / "home", settings | ({"MORROW_BASE_MODEL_PATH": given} if given else {}))
        yield made
        made.morrow("down")
        for process in made.processes():
            process.kill()
