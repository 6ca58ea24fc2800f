"""Which policy answers a forecast, and which engines are asked in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.serving_messages import EngineView
from shared.wire import BASE_POLICY

SERVED_NOW = "served"
"""The word by which a request asks for whatever is served."""


@dataclass(frozen=True)
class Choice:
    """A policy and the engines that hold it."""

    policy: str
    engines: Sequence[EngineView]


def choose(asked: str, served: str | None, previous: str | None, engines: Sequence[EngineView]) -> Choice:
    """The policy that a request is answered by, and who can: engines that are heard of, whose syncer can be asked.

    `served` means the served checkpoint (the base model if none is); as long as no engine holds it, what was served
    before it.
    """
    wished = [served or BASE_POLICY] if asked == SERVED_NOW else [asked]
    if asked == SERVED_NOW and served is not None:
        wished.append(previous or BASE_POLICY)
    choices = [Choice(policy, _holders(policy, engines)) for policy in wished]
    return next((choice for choice in choices if choice.engines), choices[0])


def _holders(policy: str, engines: Sequence[EngineView]) -> list[EngineView]:
    return [engine for engine in engines if not engine.stale and engine.syncer_url and policy in engine.loaded]


def in_order(engines: Sequence[EngineView], busy: Mapping[str, int], lot: Callable[[], float]) -> list[EngineView]:
    """The ready ones first, then those with the fewest requests under way; `lot` decides among equals."""
    return sorted(engines, key=lambda engine: (not engine.ready, busy.get(engine.url, 0), lot()))
