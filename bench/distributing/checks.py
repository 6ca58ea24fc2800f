"""Checks of a distributed run: the environments of its processes, and its results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import httpx
import psutil

from bench.distributing.hosts import Host
from bench.distributing.parts import ALLOWED, METRICS_PORT
from services.cli.client import Client

Json = dict[str, Any]


def check_environments(hosts: Iterable[Host], database_url: str) -> int:
    """Assert that processes and their children have only the settings of their role; returns the number checked."""
    hosts, seen = list(hosts), 0
    for host in hosts:
        others = [str(other.folder) for other in hosts if other is not host]
        for process in host.processes:
            if process.popen.poll() is not None or process.name not in ALLOWED:
                continue
            leader = psutil.Process(process.popen.pid)
            for one in (leader, *leader.children(recursive=True)):
                environment = one.environ()
                ours = {name for name in environment if name.startswith(("MORROW_", "AWS_", "PG"))}
                assert ours <= ALLOWED[process.name], f"{host.name} {process.name}: {ours - ALLOWED[process.name]}"
                values = " ".join(environment.values())
                assert process.name == "coordinator" or database_url not in values, (
                    f"{process.name} has the database's URL"
                )
                assert not any(folder in values for folder in others), f"{process.name} has another host's folder"
                seen += 1
    return seen


def check_results(client: Client, run: str, days: int, headlines: int, rollouts: int) -> Json:
    """Assert one policy per day, one result per step, one evaluation per rollout and a chain of checkpoints."""
    below = f"/v1/backfills/{run}"
    assert [day["state"] for day in client.items(f"{below}/days")] == ["published"] * days
    sampled = list(client.items(f"{below}/rollouts"))
    assert len({(one["group_id"], one["index"]) for one in sampled}) == len(sampled) == days * headlines * rollouts
    by_day: dict[str, set[str]] = {}
    for one in sampled:
        by_day.setdefault(one["date"], set()).add(one["policy"])
    assert all(len(policies) == 1 for policies in by_day.values()), by_day
    evaluations = list(client.items(f"{below}/evaluations"))
    assert sorted(one["rollout_id"] for one in evaluations) == sorted(one["id"] for one in sampled)
    checkpoints = list(client.items(f"{below}/checkpoints"))
    assert [one["parent"] for one in checkpoints] == [None, *(one["id"] for one in checkpoints[:-1])]
    assert len({one["id"] for one in checkpoints}) == days
    return _attempts(client, below) | {
        "rollouts": len(sampled),
        "policies by day": [*by_day.values()],
        "checkpoints": [one["id"] for one in checkpoints],
    }


def _attempts(client: Client, below: str) -> Json:
    steps = list(client.items(f"{below}/steps"))
    assert {step["state"] for step in steps} == {"done"}
    workers: dict[str, set[str]] = {}
    attempts = 0
    for step in steps:
        recorded = client.get(f"/v1/steps/{step['id']}")["attempts"]
        accepted = [one for one in recorded if one["outcome"] == "accepted"]
        assert len(accepted) == 1, f"step {step['id']} has {len(accepted)} results"
        workers.setdefault(step["kind"], set()).add(accepted[0]["worker"])
        attempts += len(recorded)
    return {
        "steps": len(steps),
        "attempts": attempts,
        "workers": {kind: len(names) for kind, names in workers.items()},
    }


def metric(host: Host, name: str) -> float:
    """The sum of a metric's series at a host's worker."""
    text = httpx.get(f"http://{host.address}:{METRICS_PORT}/metrics", trust_env=False).text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))
