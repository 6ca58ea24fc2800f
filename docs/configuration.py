"""Write docs/configuration.md from the settings classes and the run configuration. `make docs` runs it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

import services
from shared.run_config import PRESETS, RunConfig

TARGET = Path(__file__).with_name("configuration.md")
HEAD = """# Configuration

Written by `make docs` from the code; a test fails when it is out of date.

"""
RUNS = """## A run

Given at creation: `morrow backfill … --set key=value`, or `config` in the body of `POST /v1/backfills`. Unknown keys
are refused. The configuration is frozen when the run is created, and its SHA-256 is shown with the run.

"""
SETTINGS = """## The services

Every setting is an environment variable. The local stack (`morrow demo`, `morrow up`) passes its environment on to
its processes and sets what tells them of one another. The command line itself reads `MORROW_HOME`, where the local
stack's data lie (`.morrow` in the working directory by default), `MORROW_URL`, the coordinator that it speaks to
instead of the local stack's, `MORROW_TOKEN`, which is sent there, and `MORROW_DATABASE_URL`, `MORROW_BROKER_URL` and
`MORROW_ENGINE_URL`, each of which replaces an embedded part.

"""


def settings_modules() -> Iterator[ModuleType]:
    """Every module of the services and of shared that may hold settings, by its name."""
    yield importlib.import_module("shared.settings")
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.endswith("settings"):
            yield importlib.import_module(module.name)


def settings_classes() -> list[type[BaseSettings]]:
    """Every settings class, in the order of its module, those of shared first."""
    return [
        kind
        for module in settings_modules()
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, BaseSettings) and kind.__module__ == module.__name__
    ]


def own_fields(kind: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields that a class declares itself, in order; those of its bases are told with them."""
    return {name: field for name, field in kind.model_fields.items() if name in inspect.get_annotations(kind)}


def _bounds(field: FieldInfo) -> str:
    signs = {"Ge": ("ge", "≥"), "Gt": ("gt", ">"), "Le": ("le", "≤"), "Lt": ("lt", "<")}
    found = [
        f"{signs[type(item).__name__][1]} {getattr(item, signs[type(item).__name__][0])}"
        for item in field.metadata
        if type(item).__name__ in signs
    ]
    return ", ".join(found)


def _type(field: FieldInfo) -> str:
    name = inspect.formatannotation(field.annotation).replace("typing.", "").replace("pathlib.", "")
    if name.startswith("Literal["):
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    return f"{name.removesuffix(' | None').removeprefix('pydantic.types.')} {_bounds(field)}".strip()


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required" if field.default_factory is None else "computed"
    return "empty" if str(field.default) in ("", "None") else f"`{field.default}`"


def _table(rows: list[tuple[str, FieldInfo]]) -> str:
    lines = ["| name | values | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{name}` | {_type(field)} | {_default(field)} | {field.description} |" for name, field in rows]
    return "\n".join(lines) + "\n\n"


def _settings_section(kind: type[BaseSettings]) -> str:
    prefix = str(kind.model_config.get("env_prefix", ""))
    rows = [(f"{prefix}{name}".upper(), field) for name, field in own_fields(kind).items()]
    if not rows:
        return ""
    bases = [base.__name__ for base in kind.__mro__[1:] if base.__module__ == "shared.settings"]
    inherits = f" Has those of {', '.join(bases)} too." if bases else ""
    title = f"### {kind.__module__.removeprefix('services.').removesuffix('.settings')}: {kind.__name__}"
    return f"{title}\n\n{(kind.__doc__ or '').strip()}{inherits}\n\n{_table(rows)}"


def _presets() -> str:
    lines = [f"- `{name}`: " + ", ".join(f"`{k}={v}`" for k, v in fill.items()) for name, fill in PRESETS.items()]
    return "A preset fills what is not given:\n\n" + "\n".join(lines) + "\n\n"


def render() -> str:
    """The whole page."""
    runs = RUNS + _table(list(RunConfig.model_fields.items())) + _presets()
    services_ = SETTINGS + "".join(_settings_section(kind) for kind in settings_classes())
    return (HEAD + runs + services_).rstrip() + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), "utf8")
