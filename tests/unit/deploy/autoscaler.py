"""What KEDA and the autoscaler it feeds do with a ScaledObject, as both document it. Pure; times are in seconds."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOLERANCE = 0.1
"""How far a metric may be from its target before replicas change."""
THRESHOLDS = {"postgresql": "targetQueryValue", "redis": "listLength", "prometheus": "threshold"}
DEFAULT_UP = ({"type": "Percent", "value": 100, "periodSeconds": 15}, {"type": "Pods", "value": 4, "periodSeconds": 15})
DEFAULT_DOWN = ({"type": "Percent", "value": 100, "periodSeconds": 15},)


@dataclass(frozen=True)
class Direction:
    """How fast replicas may go one way. `disabled`: not at all."""

    window: float
    policies: tuple[Mapping[str, Any], ...]
    disabled: bool = False

    def most(self, now: float, current: int, changes: deque[tuple[float, int]]) -> int:
        """Replicas by which they may change now, given the changes so far."""
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
    """A ScaledObject. `thresholds` by the trigger's name; `idle`: what inactivity scales to, None if it does not."""

    least: int
    most: int
    idle: int | None
    polling: float
    cooldown: float
    thresholds: Mapping[str, float]
    up: Direction
    down: Direction

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Rule:
        """Read from the object as it is applied."""
        spec = item["spec"]
        behavior = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
        least = spec.get("minReplicaCount", 0)
        return cls(
            max(least, 1),
            spec.get("maxReplicaCount", 100),
            0 if least == 0 else spec.get("idleReplicaCount"),
            spec.get("pollingInterval", 30),
            spec.get("cooldownPeriod", 300),
            {one["name"]: float(one["metadata"][THRESHOLDS[one["type"]]]) for one in spec["triggers"]},
            _direction(behavior.get("scaleUp", {}), 0, DEFAULT_UP),
            _direction(behavior.get("scaleDown", {}), 300, DEFAULT_DOWN),
        )


def _direction(given: Mapping[str, Any], window: float, policies: tuple[Mapping[str, Any], ...]) -> Direction:
    return Direction(
        given.get("stabilizationWindowSeconds", window),
        tuple(given.get("policies", policies)),
        given.get("selectPolicy") == "Disabled",
    )


@dataclass
class Autoscaler:
    """Decides replicas at every look. KEDA moves between none and some, the autoscaler among some."""

    rule: Rule
    _active_at: float = -math.inf
    _wanted: deque[tuple[float, int]] = field(default_factory=deque)
    _raised: deque[tuple[float, int]] = field(default_factory=deque)
    _lowered: deque[tuple[float, int]] = field(default_factory=deque)

    def replicas(self, now: float, current: int, values: Mapping[str, float]) -> int:
        """How many there should be, given what each trigger measures."""
        if any(values[name] > 0 for name in self.rule.thresholds):
            self._active_at = now
        elif self.rule.idle is not None and now - self._active_at > self.rule.cooldown:
            self._wanted.clear()
            return self.rule.idle
        if current < self.rule.least:
            return self.rule.least if self._active_at == now or self.rule.idle is None else current
        return self._among(now, current, values)

    def _among(self, now: float, current: int, values: Mapping[str, float]) -> int:
        wanted = max(self._by_one(current, values[name], target) for name, target in self.rule.thresholds.items())
        wanted = min(max(wanted, self.rule.least), self.rule.most)
        self._wanted.append((now, wanted))
        longest = max(self.rule.up.window, self.rule.down.window)
        while now - self._wanted[0][0] > longest:
            self._wanted.popleft()
        low = min(number for at, number in self._wanted if now - at <= self.rule.up.window)
        high = max(number for at, number in self._wanted if now - at <= self.rule.down.window)
        stable = max(low, min(current, high))
        if stable > current:
            by = min(stable - current, self.rule.up.most(now, current, self._raised))
            self._raised += [(now, by)] * bool(by)
            return current + by
        by = min(current - stable, self.rule.down.most(now, current, self._lowered))
        self._lowered += [(now, by)] * bool(by)
        return current - by

    def _by_one(self, current: int, value: float, target: float) -> int:
        if abs(value / (target * current) - 1) <= TOLERANCE:
            return current
        return math.ceil(value / target)
