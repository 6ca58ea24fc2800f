"""Where the local stack keeps what it keeps, and where its Unix socket may lie."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UnavailableError

LONGEST_SOCKET_PATH = 107
"""Bytes that a Unix socket's path may have on Linux, the closing zero not counted."""
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Home:
    """The folders and files below MORROW_HOME."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The database's data directory."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """The broker's working directory."""
        return self.root / "valkey"

    @property
    def models(self) -> Path:
        """Base models that were converted for use."""
        return self.root / "models"

    @property
    def checkpoints(self) -> Path:
        """The checkpoint store."""
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        """One log file per part."""
        return self.root / "logs"

    @property
    def reports(self) -> Path:
        """Reports that the demo writes."""
        return self.root / "reports"

    @property
    def token(self) -> Path:
        """The token that the parts of the stack, and `morrow` beside it, send to its coordinator."""
        return self.root / "token"

    @property
    def state(self) -> Path:
        """What runs: pids, URLs, readiness."""
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.root / "stack.lock"

    def make(self) -> None:
        """Create the folders that are missing."""
        for folder in (self.root, self.valkey, self.models, self.checkpoints, self.logs, self.reports):
            folder.mkdir(parents=True, exist_ok=True)


def socket_folder(data: Path, runtime: Path | None = None) -> Path:
    """The folder for the database's socket: its data directory or, where that path is too long, a short one.

    The short one lies below `runtime` (default: the system's folder for temporary files) and is keyed by a hash of
    the data directory's path, so that it is the same at every start. It is not created here.
    """
    if len(os.fsencode(data / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return data
    key = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    short = (runtime or Path(tempfile.gettempdir())) / f"morrow-{os.getuid()}-{key}"
    if len(os.fsencode(short / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
        short = Path("/tmp") / short.name  # noqa: S108 - TMPDIR is too long for a socket; the folder is made private
    return short


def make_private(folder: Path, owner: int) -> None:
    """Create `folder` for the user id `owner` alone; refuse one that somebody else put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (os.getuid(), owner):
        raise UnavailableError(f"{folder} belongs to another user: remove it or set TMPDIR")
    folder.chmod(0o700)
    if status.st_uid != owner:
        os.chown(folder, owner, -1)
