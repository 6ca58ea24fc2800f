"""Backfills over 10 to 1,000 engines, simulated from measured service times: throughput, and what saturates first.

`python bench/simulate.py` runs no service: it is a discrete-event simulation (simpy) of runs side by side, whose days
are generated, evaluated and trained under lag 1, over engines, evaluators, trainers, coordinators and Postgres as
resources with queues. Seconds per rollout come from measurements (docs/scale.md names them) and can be replaced.
A resource counts as saturated at 95 % utilisation.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import simpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.coordinating.stack import Json

SATURATED = 0.95
JITTER = 0.2
"""Service times vary uniformly by this share to both sides."""
Events = Iterator[Any]


@dataclass(frozen=True)
class Seconds:
    """Seconds of a resource per rollout."""

    generate: float
    evaluate: float
    train: float
    coordinator: float
    postgres: float


@dataclass(frozen=True)
class Cluster:
    """Numbers of parts, and the shape of a run's day."""

    engines: int
    evaluators: int
    trainers: int
    coordinators: int
    postgres_cores: int
    runs: int
    headlines: int = 16
    rollouts: int = 8
    chunk: int = 4


@dataclass
class Part:
    """A resource that sums up how long it was in use."""

    resource: simpy.Resource
    busy: float = 0.0

    def use(self, env: simpy.Environment, seconds: float) -> Events:
        """Wait for a free unit and keep it for so long."""
        with self.resource.request() as turn:
            yield turn
            yield env.timeout(seconds)
            self.busy += seconds


@dataclass
class Simulation:
    """The runs of a cluster; `published` counts days."""

    cluster: Cluster
    seconds: Seconds
    env: simpy.Environment = field(default_factory=simpy.Environment)
    random: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - the same run each time
    published: int = 0

    def __post_init__(self) -> None:
        numbers = {
            "generate": self.cluster.engines,
            "evaluate": self.cluster.evaluators,
            "train": self.cluster.trainers,
            "coordinator": self.cluster.coordinators,
            "postgres": self.cluster.postgres_cores,
        }
        self.parts = {name: Part(simpy.Resource(self.env, capacity=number)) for name, number in numbers.items()}

    def step(self, kind: str, rollouts: int) -> Events:
        """One step: claimed, computed, stored. A third of the coordinator's work is the claim."""
        jitter = 1 + JITTER * (2 * self.random.random() - 1)
        with self.parts[kind].resource.request() as worker:
            yield worker
            began = self.env.now
            yield from self._control(rollouts / 3)
            yield self.env.timeout(getattr(self.seconds, kind) * rollouts * jitter)
            yield from self._control(rollouts * 2 / 3)
            self.parts[kind].busy += self.env.now - began

    def _control(self, rollouts: float) -> Events:
        # Each rollout passes three kinds of step: the measured cost is that of all of them.
        with self.parts["coordinator"].resource.request() as thread:
            yield thread
            own = self.seconds.coordinator * rollouts / 3
            yield self.env.timeout(own)
            self.parts["coordinator"].busy += own
        yield from self.parts["postgres"].use(self.env, self.seconds.postgres * rollouts / 3)

    def day(self, policy: simpy.Event | None, before: simpy.Event | None, published: simpy.Event) -> Events:
        """One day of a run: it waits for its policy, and its update for the update of the day before."""
        if policy is not None:
            yield policy
        cluster = self.cluster
        steps = cluster.headlines // cluster.chunk
        yield self.env.all_of(
            [self.env.process(self.step("generate", cluster.chunk * cluster.rollouts)) for _ in range(steps)]
        )
        yield self.env.process(self.step("evaluate", cluster.headlines * cluster.rollouts))
        if before is not None:
            yield before
        yield self.env.process(self.step("train", cluster.headlines * cluster.rollouts))
        self.published += 1
        published.succeed()

    def run(self, days: int) -> Events:
        """One run under lag 1: a day's policy is that of two days before."""
        ends = [self.env.event() for _ in range(days)]
        # Runs do not begin in the same moment.
        yield self.env.timeout(self.random.random() * self.seconds.generate * self.cluster.headlines)
        for place, end in enumerate(ends):
            policy = ends[place - 2] if place >= 2 else None
            self.env.process(self.day(policy, ends[place - 1] if place else None, end))


def simulate(cluster: Cluster, seconds: Seconds, days: int) -> Json:
    """Figures of the time in which all runs are in progress: from the third day to the first run's last one."""
    simulation = Simulation(cluster, seconds)
    for _ in range(cluster.runs):
        simulation.env.process(simulation.run(days))
    warm, measured = 3 * cluster.runs, (days - 3) * cluster.runs * 2 // 3

    def until(count: int) -> None:
        while simulation.published < count:
            simulation.env.step()

    until(warm)
    began, busy, count = simulation.env.now, {n: p.busy for n, p in simulation.parts.items()}, simulation.published
    until(warm + measured)
    elapsed = simulation.env.now - began
    rate = (simulation.published - count) / elapsed
    utilisation = {
        name: min(1.0, (part.busy - busy[name]) / elapsed / part.resource.capacity)
        for name, part in simulation.parts.items()
    }
    saturated = [name for name, share in utilisation.items() if share >= SATURATED]
    return {
        "engines": cluster.engines,
        "runs": cluster.runs,
        "trainers": cluster.trainers,
        "coordinators": cluster.coordinators,
        "postgres cores": cluster.postgres_cores,
        "rollouts per second": round(rate * cluster.headlines * cluster.rollouts, 1),
        "days of backfill per day": round(rate * 86_400),
        "utilisation": {name: round(share, 2) for name, share in utilisation.items()},
        "saturated": saturated,
    }


def main() -> None:
    """Simulate each number of engines, with one coordinator and with more, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", type=int, nargs="+", default=[10, 30, 100, 300, 1000])
    parser.add_argument("--coordinators", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--postgres-cores", type=int, default=4)
    parser.add_argument("--generate", type=float, default=0.256, help="seconds of an engine per rollout")
    parser.add_argument("--evaluate", type=float, default=0.229, help="seconds of an evaluator per rollout")
    parser.add_argument("--train", type=float, default=0.182, help="seconds of a trainer per rollout")
    parser.add_argument(
        "--coordinator", type=float, default=0.002, help="processor seconds of a coordinator per rollout"
    )
    parser.add_argument("--postgres", type=float, default=0.0005, help="processor seconds of it per rollout")
    parser.add_argument("--days", type=int, default=12, help="days of each run")
    options = parser.parse_args()
    names = ("generate", "evaluate", "train", "coordinator", "postgres")
    seconds = Seconds(**{name: getattr(options, name) for name in names})
    for engines in options.engines:
        # As many of the others as keep pace with the engines, so that what is shared shows its limit.
        keeps_pace = lambda share, engines=engines: max(2, round(1.15 * engines * share / seconds.generate))  # noqa: E731
        evaluators, trainers = keeps_pace(seconds.evaluate), keeps_pace(seconds.train)
        cluster = Cluster(engines, evaluators, trainers, 1, options.postgres_cores, runs=max(2, engines))
        for coordinators in options.coordinators:
            print(json.dumps(simulate(replace(cluster, coordinators=coordinators), seconds, options.days)), flush=True)


if __name__ == "__main__":
    main()
