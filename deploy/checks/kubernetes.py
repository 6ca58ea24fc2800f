"""`make k8s-check`: renders both overlays and checks them against published schemas and the code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.checks.autoscaling import autoscaling_problems
from deploy.checks.code import ROOT, unknown_metrics
from deploy.checks.pods import processes, services
from deploy.checks.ports import port_problems, selector_problems
from deploy.checks.processes import problems, unanswered
from deploy.checks.render import OVERLAYS, Object, of_kind, overlay
from deploy.checks.schemas import schema_problems
from deploy.checks.tools import CheckError
from deploy.checks.workloads import workload_problems


def object_problems(objects: list[Object]) -> list[str]:
    """All problems of rendered objects; other checks run only if every object satisfies its schema."""
    violations = [problem for item in objects for problem in schema_problems(item)]
    return violations or list(_beyond_schemas(objects))


def _beyond_schemas(objects: list[Object]) -> Iterator[str]:
    yield from workload_problems(objects)
    yield from selector_problems(objects)
    yield from port_problems(objects)
    yield from autoscaling_problems(objects)
    every, reachable = processes(objects), services(objects)
    for process in every:
        yield from problems(process)
        yield from unanswered(process, every, reachable)
    for item in of_kind(objects, "ConfigMap"):
        for name, text in item.get("data", {}).items():
            if name.endswith(".json"):
                yield from (f"{name}: {problem}" for problem in dashboard_problems(text))


def dashboard_problems(text: str) -> Iterator[str]:
    """Metrics of a Grafana dashboard that no process exports, and panels without a query."""
    for panel in json.loads(text)["panels"]:
        if panel.get("type") == "row":
            continue
        queries = [target["expr"] for target in panel.get("targets", [])]
        if not queries:
            yield f"the panel {panel.get('title')} has no query"
        for query in queries:
            yield from (f"{panel['title']}: nothing shows {name}" for name in unknown_metrics(query))


def main() -> int:
    """Print the problems of both overlays; returns 1 if there are any."""
    root, total = Path(sys.argv[1]) if sys.argv[1:] else ROOT, 0
    for name in OVERLAYS:
        try:
            objects = overlay(name, root)
            found = object_problems(objects)
        except CheckError as error:
            objects, found = [], [str(error)]
        total += len(found)
        print(f"k8s/overlays/{name}: {len(objects)} objects, {len(found)} problems", *found, sep="\n  ")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
