"""`make lock`: the newest versions that pyproject.toml allows, resolved from PyPI alone, go into constraints.txt.

One version of a package serves every Python: the oldest is resolved first, and the later ones under its versions.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from deploy.checks.resolution import OF_A_CUDA_BUILD, ROOT, cases, compile_pins, pins
from deploy.checks.tools import CheckError, tool


def resolved(root: Path, uv: str) -> dict[str, str]:
    """Versions for all Pythons; raises CheckError with the resolver's words if there are none."""
    found: dict[str, str] = {}
    for case in cases(root):
        if case.vllm:
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as earlier:
            earlier.write("".join(f"{name}=={version}\n" for name, version in found.items()))
            earlier.flush()
            done = compile_pins(case, root, uv, Path(earlier.name))
        if done.returncode:
            raise CheckError(f"Python {case.python}: {done.stderr.strip()}")
        found |= pins(done.stdout)
    return {name: version for name, version in sorted(found.items()) if not name.startswith(OF_A_CUDA_BUILD)}


def rewritten(text: str, versions: dict[str, str]) -> str:
    """A file of pins with its comments kept and its versions replaced."""
    comments = [line for line in text.splitlines() if line.startswith("#")]
    return "\n".join([*comments, *(f"{name}=={version}" for name, version in versions.items())]) + "\n"


def main() -> int:
    """Write constraints.txt; 1 if nothing resolves."""
    path = ROOT / "constraints.txt"
    try:
        versions = resolved(ROOT, tool("uv"))
    except CheckError as error:
        print(f"lock: {error}", file=sys.stderr)
        return 1
    path.write_text(rewritten(path.read_text("utf8"), versions), "utf8")
    print(f"lock: {len(versions)} versions in constraints.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
