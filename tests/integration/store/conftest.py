"""Every kind of checkpoint store, each as several hosts see it. S3 is moto's server, asked over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from shared.checkpoints import CheckpointStore, open_store
from shared.wire import CheckpointRef

SECRET = "a-secret-that-is-never-shown"


@dataclass
class Place:
    """A store at `url`; `tmp_path` has a cache folder for each host that opens it."""

    url: str
    options: dict[str, Any]
    tmp_path: Path
    hosts: int = 0

    def host(self) -> CheckpointStore:
        """The store as a host sees it that has seen nothing of it yet."""
        self.hosts += 1
        return open_store(self.url, str(self.tmp_path / f"host-{self.hosts}"), self.options)

    def _at(self, ref: CheckpointRef, name: str) -> tuple[Any, str]:
        folders = {} if self.url.startswith("s3") else {"auto_mkdir": True}
        files, root = fsspec.url_to_fs(self.url, **self.options, **folders)
        return files, f"{root}/{ref.uri}/{name}"

    def write(self, ref: CheckpointRef, name: str, content: bytes) -> None:
        """Put a file beside or over what was published."""
        files, path = self._at(ref, name)
        files.pipe_file(path, content)

    def remove(self, ref: CheckpointRef, name: str) -> None:
        """Take a file of what was published away."""
        files, path = self._at(ref, name)
        files.rm_file(path)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials, where services find them."""
    for name, value in (("ACCESS_KEY_ID", "who"), ("SECRET_ACCESS_KEY", SECRET), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def s3(s3_endpoint: str, aws: None, tmp_path: Path) -> Place:
    """A store below a prefix of a bucket of its own."""
    options = {"endpoint_url": s3_endpoint}
    bucket = f"morrow-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3", **options).mkdir(bucket)
    return Place(f"s3://{bucket}/checkpoints", options, tmp_path)


@pytest.fixture(params=["folder", "file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A store of each kind."""
    match request.param:
        case "folder":
            return Place(str(tmp_path / "store"), {}, tmp_path)
        case "file":
            return Place((tmp_path / "store").as_uri(), {}, tmp_path)
    found: Place = request.getfixturevalue("s3")
    return found
