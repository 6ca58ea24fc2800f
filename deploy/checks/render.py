"""Renders Kubernetes objects as `kubectl apply -k` would send them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.checks.code import ROOT
from deploy.checks.tools import CheckError

Object = dict[str, Any]
OVERLAYS = ("dev", "gpu")


def kustomize() -> list[str]:
    """The command that renders: `kubectl kustomize` or `kustomize build`; raises CheckError without either."""
    beside = str(Path(sys.executable).parent)
    for name, command in (("kubectl", ["kustomize"]), ("kustomize", ["build"])):
        program = shutil.which(name) or shutil.which(name, path=beside)
        if program:
            return [program, *command]
    raise CheckError("neither kubectl nor kustomize is installed; `make .venv/bin/kubectl` installs one")


def render(folder: Path) -> str:
    """An overlay as YAML; raises CheckError with kustomize's message."""
    done = subprocess.run([*kustomize(), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckError(f"{folder}: {done.stderr.strip()}")
    return done.stdout


def parsed(text: str) -> list[Object]:
    """The objects of a rendered text."""
    return [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]


def overlay(name: str, root: Path = ROOT) -> list[Object]:
    """The objects of one of our overlays."""
    return parsed(render(root / "k8s" / "overlays" / name))


def of_kind(objects: list[Object], *kinds: str) -> Iterator[Object]:
    """The objects of the given kinds."""
    return (item for item in objects if item["kind"] in kinds)


def label(item: Object) -> str:
    """An object's name in messages: kind/name."""
    return f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"
