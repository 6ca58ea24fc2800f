"""Folders and files of the local stack, and the folder of its Unix socket."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UnavailableError

MAX_SOCKET_PATH = 107
"""Maximum length in bytes of a Unix socket's path on Linux, without the closing NUL."""
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
        """Unpacked base models."""
        return self.root / "models"

    @property
    def checkpoints(self) -> Path:
        """The checkpoint store."""
        return self.root / "checkpoints"

    @property
    def compute_lock(self) -> Path:
        """Where engine and trainer take turns at the processors."""
        return self.root / "locks" / "compute"

    @property
    def logs(self) -> Path:
        """One log file per part."""
        return self.root / "logs"

    @property
    def reports(self) -> Path:
        """Reports of the demo."""
        return self.root / "reports"

    @property
    def token(self) -> Path:
        """The token that the stack's parts and local commands send to its coordinator."""
        return self.root / "token"

    @property
    def state(self) -> Path:
        """The state of the stack: pids, URLs, phases."""
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        """Lock file, locked by the supervisor while it runs."""
        return self.root / "stack.lock"

    def make(self) -> None:
        """Create the missing folders."""
        for folder in (self.root, self.valkey, self.models, self.checkpoints, self.logs, self.reports):
            folder.mkdir(parents=True, exist_ok=True)


def socket_folder(data: Path, runtime: Path | None = None) -> Path:
    """The folder for the database's socket: its data directory or, if that path is too long, a short one.

    The short one is in `runtime` (default: the system's folder for temporary files). Its name has a hash of the data
    directory's path, so that every start finds the same one. It is not created here.
    """
    if len(os.fsencode(data / SOCKET_NAME)) <= MAX_SOCKET_PATH:
        return data
    key = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    short = (runtime or Path(tempfile.gettempdir())) / f"morrow-{os.getuid()}-{key}"
    if len(os.fsencode(short / SOCKET_NAME)) > MAX_SOCKET_PATH:
        short = Path("/tmp") / short.name  # noqa: S108 - TMPDIR is too long for a socket; the folder is made private
    return short


def make_private(folder: Path, owner: int) -> None:
    """Create `folder` with access for the user id `owner` only.

    Raises UnavailableError if it is a link or belongs to a third user.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (os.getuid(), owner):
        raise UnavailableError(f"{folder} belongs to another user: remove it or set TMPDIR")
    folder.chmod(0o700)
    if status.st_uid != owner:
        os.chown(folder, owner, -1)
