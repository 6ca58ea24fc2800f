"""The overlays as they would be applied, and copies of what is deployed to plant errors in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.checks.code import ROOT
from deploy.checks.render import OVERLAYS, Object, parsed, render

Overlays = dict[str, list[Object]]


@pytest.fixture(scope="session")
def rendered() -> dict[str, str]:
    """Each overlay as kustomize renders it."""
    return {name: render(ROOT / "k8s" / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(scope="session")
def overlays(rendered: dict[str, str]) -> Overlays:
    """The objects of each overlay."""
    return {name: parsed(text) for name, text in rendered.items()}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of everything that is deployed."""
    for name in ("k8s", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.py", "schemas"))
    for name in ("Dockerfile", "docker-compose.yml", ".hadolint.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def plant(root: Path, name: str, old: str, new: str) -> None:
    """Put `new` where `old` stands first in a file of a copy."""
    path = root / name
    text = path.read_text("utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf8")
