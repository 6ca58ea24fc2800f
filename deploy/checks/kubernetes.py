"""`make k8s-check`: both overlays render, fit the published schemas, and name only what the code has."""

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
    """Everything that is wrong with rendered objects; the rest is looked at only where all fit their schemas."""
    found = [problem for item in objects for problem in schema_problems(item)]
    return found or list(_beyond(objects))


def _beyond(objects: list[Object]) -> Iterator[str]:
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
    """Metrics in a Grafana dashboard that nothing shows, and panels that ask for none."""
    for panel in json.loads(text)["panels"]:
        if panel.get("type") == "row":
            continue
        queries = [target["expr"] for target in panel.get("targets", [])]
        if not queries:
            yield f"the panel {panel.get('title')} asks for nothing"
        for query in queries:
            yield from (f"{panel['title']}: nothing shows {name}" for name in unknown_metrics(query))


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    root, found = Path(sys.argv[1]) if sys.argv[1:] else ROOT, 0
    for name in OVERLAYS:
        try:
            objects = overlay(name, root)
            said = object_problems(objects)
        except CheckError as error:
            objects, said = [], [str(error)]
        found += len(said)
        print(f"k8s/overlays/{name}: {len(objects)} objects, {len(said)} problems", *said, sep="\n  ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
