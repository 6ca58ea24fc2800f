"""A day of steps for workers that a ScaledObject scales, simulated; times are in seconds."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.unit.deploy.autoscaler import Autoscaler, Rule

TICK = 5.0
DAY = 86_400.0
START_UP = 30.0
"""Seconds from a pod's creation to its first step."""
LEASE = 30.0
"""Seconds until a killed worker's step returns to the queue."""


@dataclass
class Step:
    """A step that is queued at `due` and takes `seconds`."""

    due: float
    seconds: float
    left: float = 0.0


@dataclass
class Pod:
    """A worker. `until` is the time of its kill once it is scaled down, else None."""

    ready_at: float
    step: Step | None = None
    until: float | None = None


@dataclass
class Day:
    """The result: replicas at every tick, steps done, steps killed with their pod, and busy pods signalled to stop."""

    replicas: list[int] = field(default_factory=list)
    done: int = 0
    killed: list[Step] = field(default_factory=list)
    signalled: int = 0

    @property
    def changes(self) -> Iterator[tuple[int, int]]:
        """Replicas before and after each change."""
        return ((old, new) for old, new in pairwise(self.replicas) if old != new)


def backfills(seed: int, starts: Sequence[float], longest: float) -> list[Step]:
    """Steps of several backfills: each day queues 2 to 12 at once, mostly short, one in ten of `longest` seconds."""
    rng, steps = random.Random(seed), list[Step]()  # noqa: S311 - load, no secret
    for start in starts:
        at = start
        for _ in range(rng.randint(6, 10)):
            for _ in range(rng.randint(2, 12)):
                seconds = longest if rng.random() < 0.1 else rng.uniform(30, 400)
                steps.append(Step(at, seconds, seconds))
            at += rng.uniform(60, 600)
    return sorted(steps, key=lambda step: step.due)


class Workers:
    """Pods over a queue. The pod with most work left is removed first: the worst choice."""

    def __init__(self, rule: Rule, grace: float, seen: Sequence[str]) -> None:
        self._autoscaler, self._rule, self._grace, self._seen = Autoscaler(rule), rule, grace, tuple(seen)
        self._pods: list[Pod] = []
        self._queue: deque[Step] = deque()
        self._lost: list[tuple[float, Step]] = []
        self.day = Day()

    def values(self) -> dict[str, float]:
        """The triggers' values; 0 for a trigger that is not in `seen`."""
        leased = sum(pod.step is not None for pod in self._pods) + len(self._lost)
        measured = {"messages": len(self._queue), "open-steps": len(self._queue) + leased}
        return {name: float(measured[name]) if name in self._seen else 0.0 for name in self._rule.thresholds}

    def run(self, steps: Sequence[Step], until: float = 2 * DAY) -> Day:
        """Simulate until `until`; returns the result."""
        waiting, now = deque(steps), 0.0
        while now < until:
            while waiting and waiting[0].due <= now:
                self._queue.append(waiting.popleft())
            self._work(now)
            if now % self._rule.polling == 0:
                self._scale(now)
            self.day.replicas.append(sum(pod.until is None for pod in self._pods))
            now += TICK
        return self.day

    def _work(self, now: float) -> None:
        self._queue.extend(step for at, step in self._lost if at <= now)
        self._lost = [(at, step) for at, step in self._lost if at > now]
        for pod in self._pods:
            if pod.step and (left := pod.step.left - TICK) <= 0:
                pod.step, self.day.done = None, self.day.done + 1
            elif pod.step:
                pod.step.left = left
            if pod.step is None and pod.until is None and pod.ready_at <= now and self._queue:
                pod.step = self._queue.popleft()
                pod.step.left = pod.step.seconds
        for pod in [one for one in self._pods if one.until is not None and (one.step is None or one.until <= now)]:
            self._pods.remove(pod)
            if pod.step:
                self.day.killed.append(pod.step)
                self._lost.append((now + LEASE, pod.step))

    def _scale(self, now: float) -> None:
        active = [pod for pod in self._pods if pod.until is None]
        desired = self._autoscaler.replicas(now, len(active), self.values())
        self._pods += [Pod(now + START_UP) for _ in range(desired - len(active))]
        by_harm = sorted(active, key=lambda pod: pod.step.left if pod.step else 0.0, reverse=True)
        for pod in by_harm[: len(active) - desired] if desired < len(active) else []:
            pod.until = now + self._grace
            self.day.signalled += pod.step is not None


def engines(rule: Rule, load: Mapping[float, float]) -> list[tuple[float, int]]:
    """Engines over a day, as (time, replicas). `load`: number of open requests from a time on."""
    autoscaler, replicas, now, requests = Autoscaler(rule), rule.min_replicas, 0.0, 0.0
    over_time: list[tuple[float, int]] = []
    while now < DAY:
        requests = load.get(now, requests)
        replicas = autoscaler.replicas(now, replicas, dict.fromkeys(rule.thresholds, requests))
        over_time.append((now, replicas))
        now += rule.polling
    return over_time
