"""Packaging: light imports, unshadowed package names, pinned versions, data in the wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.checks.resolution import pythons

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text("utf8").splitlines() if line and not line.startswith("#")
]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
ALONE = {canonicalize_name(Requirement(line).name) for name in ("grammar", "weights") for line in GROUPS[name]}
"""What is installed without its dependencies."""
OF_A_CUDA_BUILD = ("nvidia-", "cuda-")
"""What the default index' build of torch asks for besides; its own exact pins hold these together."""
HEAVY = ("torch", "transformers", "trl", "peft", "vllm", "sentence_transformers")


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["services.coordinator.app", "services.coordinator.main", "services.cli.main"])
def test_coordinator_and_cli_import_no_learning_library(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert _run(code) == "[]"


@pytest.mark.parametrize("package", ["shared", "services"])
def test_package_is_imported_from_this_project(package: str) -> None:
    assert Path(_run(f"import {package}; print({package}.__file__)")) == ROOT / package / "__init__.py"


def test_constraints_are_exact_versions_in_order_without_urls() -> None:
    assert [line for line in CONSTRAINTS if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    names = [line.partition("==")[0].upper() for line in CONSTRAINTS]
    assert names == sorted(set(names))


def _closure(requirements: list[str]) -> set[str]:
    seen: set[tuple[str, str]] = set()
    pending = [Requirement(text) for text in requirements]
    while pending:
        requirement = pending.pop()
        for extra in {"", *requirement.extras}:
            key = (canonicalize_name(requirement.name), extra)
            if key in seen:
                continue
            seen.add(key)
            pending += [
                needed
                for needed in map(Requirement, importlib.metadata.requires(requirement.name) or [])
                if needed.marker is None or needed.marker.evaluate({"extra": extra})
                if not needed.name.startswith(OF_A_CUDA_BUILD)
            ]
    return {name for name, _ in seen}


def test_constraints_pin_everything_that_an_installation_pulls_in() -> None:
    needed = _closure(["morrow[all]", "hatchling", "editables", *GROUPS["dev"]]) | ALONE
    pinned = {canonicalize_name(line.partition("==")[0]) for line in CONSTRAINTS}
    assert needed - pinned == {"morrow"}


def test_the_inference_extra_has_all_that_xgrammar_asks_for_but_triton() -> None:
    every = map(Requirement, importlib.metadata.requires("xgrammar") or [])
    requirements = {
        canonicalize_name(one.name) for one in every if not one.marker or one.marker.evaluate({"extra": ""})
    }
    assert "triton" in requirements
    # A CUDA build of torch asks for triton itself.
    assert requirements - _closure(["morrow[inference]"]) <= {"triton"}


def test_triton_is_there_only_if_torch_itself_asks_for_it() -> None:
    requirements = [one for one in map(Requirement, importlib.metadata.requires("torch") or []) if one.name == "triton"]
    wanted = any(one.marker is None or one.marker.evaluate() for one in requirements)
    assert (importlib.util.find_spec("triton") is not None) == wanted


def test_make_and_the_images_take_pythons_that_the_project_allows() -> None:
    allowed = pythons(ROOT)
    makefile, dockerfile = ((ROOT / name).read_text("utf8") for name in ("Makefile", "Dockerfile"))
    assert [f"python{one}" in makefile for one in allowed] == [True] * len(allowed)
    assert re.findall(r"^FROM python:(\d\.\d+)", dockerfile, re.MULTILINE)[0] in allowed


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile", "deploy/compose.env", "docker-compose.yml", "README.md"])
def test_one_variable_names_the_index_of_torch_everywhere(name: str) -> None:
    assert "TORCH_INDEX_URL" in (ROOT / name).read_text("utf8")


def test_installed_versions_are_the_pinned_ones() -> None:
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in CONSTRAINTS)}
    installed = {canonicalize_name(d.name): d.version.partition("+")[0] for d in importlib.metadata.distributions()}
    torch = canonicalize_name("torch")
    assert installed[torch] == pins[torch]
    assert {name: version for name, version in installed.items() if pins.get(name, version) != version} == {}


def test_wheel_contains_the_sample_corpus() -> None:
    files = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert (
        len([path for path in files if re.fullmatch(r"services/cli/sample_corpus/\d{8}_headlines\.json", path)]) == 11
    )
