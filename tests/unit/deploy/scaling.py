"""A day of steps before workers that come and go as a ScaledObject says. Pure; times are in seconds."""

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
"""How long a new pod takes until it asks for work."""
LEASE = 30.0
"""How long a killed worker's step stays with it."""


@dataclass
class Step:
    """A piece of work that becomes due at `due` and takes `seconds`."""

    due: float
    seconds: float
    left: float = 0.0


@dataclass
class Pod:
    """A worker. `until` is when it is killed if it is not done by then; None while it is wanted."""

    ready_at: float
    step: Step | None = None
    until: float | None = None


@dataclass
class Day:
    """What came of it: replicas at every tick, steps done, and those that were lost with the pod that held them."""

    replicas: list[int] = field(default_factory=list)
    done: int = 0
    killed: list[Step] = field(default_factory=list)
    told_to_stop: int = 0

    @property
    def changes(self) -> Iterator[tuple[int, int]]:
        """Replicas before and after, where they differ."""
        return ((old, new) for old, new in pairwise(self.replicas) if old != new)


def backfills(seed: int, starts: Sequence[float], longest: float) -> list[Step]:
    """Steps of several backfills: each day of a run makes a handful at once, most of them short and a few very long."""
    draw, steps = random.Random(seed), list[Step]()  # noqa: S311 - load, no secret
    for start in starts:
        at = start
        for _ in range(draw.randint(6, 10)):
            for _ in range(draw.randint(2, 12)):
                seconds = longest if draw.random() < 0.1 else draw.uniform(30, 400)
                steps.append(Step(at, seconds, seconds))
            at += draw.uniform(60, 600)
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
        """What the triggers measure; one that is not looked at measures nothing."""
        held = sum(pod.step is not None for pod in self._pods) + len(self._lost)
        known = {"messages": len(self._queue), "open-steps": len(self._queue) + held}
        return {name: float(known[name]) if name in self._seen else 0.0 for name in self._rule.thresholds}

    def run(self, steps: Sequence[Step], until: float = 2 * DAY) -> Day:
        """The day, and the night after it."""
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
        there = [pod for pod in self._pods if pod.until is None]
        wanted = self._autoscaler.replicas(now, len(there), self.values())
        self._pods += [Pod(now + START_UP) for _ in range(wanted - len(there))]
        by_harm = sorted(there, key=lambda pod: pod.step.left if pod.step else 0.0, reverse=True)
        for pod in by_harm[: len(there) - wanted] if wanted < len(there) else []:
            pod.until = now + self._grace
            self.day.told_to_stop += pod.step is not None


def engines(rule: Rule, load: Mapping[float, float]) -> list[tuple[float, int]]:
    """Engines over a day. `load`: from when on how many requests run and wait."""
    autoscaler, replicas, now, requests = Autoscaler(rule), rule.least, 0.0, 0.0
    over_time: list[tuple[float, int]] = []
    while now < DAY:
        requests = load.get(now, requests)
        replicas = autoscaler.replicas(now, replicas, dict.fromkeys(rule.thresholds, requests))
        over_time.append((now, replicas))
        now += rule.polling
    return over_time
