"""Names in the code that a deployment may use: modules, subcommands, variables, ports, queues, metrics."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import get_args

from pydantic_settings import BaseSettings

from shared.wire import StepKind

ROOT = Path(__file__).parents[2]
QUEUES: frozenset[str] = frozenset(get_args(StepKind))
VLLM_METRICS = frozenset(
    {
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:generation_tokens_total",
        "vllm:prompt_tokens_total",
        "vllm:prefix_cache_hits_total",
        "vllm:prefix_cache_queries_total",
    }
)
"""The documented metrics of vLLM that are used here; the CPU engine exports them too."""
_SUFFIXES = ("", "_total", "_bucket", "_count", "_sum", "_created")


@cache
def source_of(module: str) -> ast.Module | None:
    """The parsed source of a module of Morrow, or None if it does not exist."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return ast.parse(Path(spec.origin).read_text("utf8")) if spec and spec.origin else None


def command_problems(module: str, arguments: Sequence[str]) -> Iterator[str]:
    """Reasons why `python -m module arguments` would not start."""
    source = source_of(module)
    if source is None:
        yield f"there is no module {module}"
        return
    words = {node.value for node in ast.walk(source) if isinstance(node, ast.Constant)}
    if "__main__" not in words:
        yield f"{module} does nothing when it is run"
    options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    for word in [*arguments[:1], *options]:
        if word not in words:
            yield f"{module} knows no {word}"


@cache
def settings_of(module: str) -> tuple[type[BaseSettings], ...]:
    """The settings classes that a module of Morrow imports by name."""
    imports = [node for node in ast.walk(source_of(module) or ast.Module([], [])) if isinstance(node, ast.ImportFrom)]
    named = [(node.module or "", name.name) for node in imports for name in node.names]
    found = [getattr(importlib.import_module(home), name) for home, name in named if name.endswith("Settings")]
    return tuple(kind for kind in found if issubclass(kind, BaseSettings))


def variables_of(module: str) -> dict[str, object]:
    """The variables that a module's process reads, with their defaults."""
    return {
        f"{kind.model_config.get('env_prefix', '')}{name}".upper(): field.default
        for kind in settings_of(module)
        for name, field in kind.model_fields.items()
    }


@cache
def metrics() -> frozenset[str]:
    """Every series that the code may export, and those of vLLM."""
    texts = [path.read_text("utf8") for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]
    names = {name for text in texts for name in re.findall(r'"(morrow_[a-z_]+)"', text)}
    return frozenset(name + suffix for name in names for suffix in _SUFFIXES) | VLLM_METRICS


def unknown_metrics(query: str) -> list[str]:
    """Series in a PromQL expression that neither the code nor vLLM exports."""
    return sorted(set(re.findall(r"\b(?:morrow_|vllm:)\w+", query)) - metrics())


def gateway_ports() -> tuple[int, int]:
    """Where the gateway listens, and where a pod's engine is; raises ValueError if its files do not say."""
    folder = ROOT / "deploy" / "gateway"
    listens = re.search(r"listen (\d+);", (folder / "gateway.conf").read_text("utf8"))
    server = re.search(r"server 127\.0\.0\.1:(\d+)", (folder / "engine.conf").read_text("utf8"))
    if not listens or not server:
        raise ValueError(
            "gateway.conf names no port that it listens on, or engine.conf none of the engine on 127.0.0.1"
        )
    return int(listens[1]), int(server[1])
