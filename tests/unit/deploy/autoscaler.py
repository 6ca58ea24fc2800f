"""KEDA and the Kubernetes autoscaler on a ScaledObject, simulated after their documentation; times are in seconds."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOLERANCE = 0.1
"""Relative difference of a metric from its target up to which replicas do not change."""
THRESHOLDS = {"postgresql": "targetQueryValue", "redis": "listLength", "prometheus": "threshold"}
DEFAULT_UP = ({"type": "Percent", "value": 100, "periodSeconds": 15}, {"type": "Pods", "value": 4, "periodSeconds": 15})
DEFAULT_DOWN = ({"type": "Percent", "value": 100, "periodSeconds": 15},)


@dataclass(frozen=True)
class Direction:
    """Limits of scaling in one direction; `disabled` forbids it."""

    window: float
    policies: tuple[Mapping[str, Any], ...]
    disabled: bool = False

    def max_change(self, now: float, current: int, changes: deque[tuple[float, int]]) -> int:
        """Maximum change of the replicas now, by the policies and the changes so far."""
        if self.disabled:
            return 0

        def allowed(policy: Mapping[str, Any]) -> int:
            recent = sum(by for at, by in changes if now - at < policy["periodSeconds"])
            base = (
                policy["value"] if policy["type"] == "Pods" else math.ceil((current + recent) * policy["value"] / 100)
            )
            return max(int(base) - recent, 0)

        return max(allowed(policy) for policy in self.policies)


@dataclass(frozen=True)
class Rule:
    """A ScaledObject: `thresholds` by trigger; `idle` replicas without activity, None if that does not scale."""

    min_replicas: int
    max_replicas: int
    idle: int | None
    polling: float
    cooldown: float
    thresholds: Mapping[str, float]
    up: Direction
    down: Direction

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Rule:
        """The rule of a rendered ScaledObject."""
        spec = item["spec"]
        behavior = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
        minimum = spec.get("minReplicaCount", 0)
        return cls(
            max(minimum, 1),
            spec.get("maxReplicaCount", 100),
            0 if minimum == 0 else spec.get("idleReplicaCount"),
            spec.get("pollingInterval", 30),
            spec.get("cooldownPeriod", 300),
            {one["name"]: float(one["metadata"][THRESHOLDS[one["type"]]]) for one in spec["triggers"]},
            _direction(behavior.get("scaleUp", {}), 0, DEFAULT_UP),
            _direction(behavior.get("scaleDown", {}), 300, DEFAULT_DOWN),
        )


def _direction(behavior: Mapping[str, Any], window: float, policies: tuple[Mapping[str, Any], ...]) -> Direction:
    return Direction(
        behavior.get("stabilizationWindowSeconds", window),
        tuple(behavior.get("policies", policies)),
        behavior.get("selectPolicy") == "Disabled",
    )


@dataclass
class Autoscaler:
    """Decides on replicas at every poll: KEDA between zero and the minimum, the autoscaler above it."""

    rule: Rule
    _active_at: float = -math.inf
    _desired: deque[tuple[float, int]] = field(default_factory=deque)
    _raised: deque[tuple[float, int]] = field(default_factory=deque)
    _lowered: deque[tuple[float, int]] = field(default_factory=deque)

    def replicas(self, now: float, current: int, values: Mapping[str, float]) -> int:
        """The desired number of replicas for the triggers' values."""
        if any(values[name] > 0 for name in self.rule.thresholds):
            self._active_at = now
        elif self.rule.idle is not None and now - self._active_at > self.rule.cooldown:
            self._desired.clear()
            return self.rule.idle
        if current < self.rule.min_replicas:
            return self.rule.min_replicas if self._active_at == now or self.rule.idle is None else current
        return self._among(now, current, values)

    def _among(self, now: float, current: int, values: Mapping[str, float]) -> int:
        desired = max(self._by_one(current, values[name], target) for name, target in self.rule.thresholds.items())
        desired = min(max(desired, self.rule.min_replicas), self.rule.max_replicas)
        self._desired.append((now, desired))
        longest = max(self.rule.up.window, self.rule.down.window)
        while now - self._desired[0][0] > longest:
            self._desired.popleft()
        low = min(number for at, number in self._desired if now - at <= self.rule.up.window)
        high = max(number for at, number in self._desired if now - at <= self.rule.down.window)
        stable = max(low, min(current, high))
        if stable > current:
            by = min(stable - current, self.rule.up.max_change(now, current, self._raised))
            self._raised += [(now, by)] * bool(by)
            return current + by
        by = min(current - stable, self.rule.down.max_change(now, current, self._lowered))
        self._lowered += [(now, by)] * bool(by)
        return current - by

    def _by_one(self, current: int, value: float, target: float) -> int:
        if abs(value / (target * current) - 1) <= TOLERANCE:
            return current
        return math.ceil(value / target)
