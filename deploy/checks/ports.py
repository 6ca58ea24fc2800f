"""Checks of declared ports and of the network policies on the way to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.checks.pods import WORKLOADS, containers, processes, services
from deploy.checks.processes import LOOPBACK, Process
from deploy.checks.render import Object, label, of_kind


def port_problems(objects: list[Object]) -> Iterator[str]:
    """Ports without a listener, and addresses that a network policy blocks for a pod."""
    every = processes(objects)
    by_name = {process.name: process for process in every}
    for item in of_kind(objects, *WORKLOADS):
        for one in containers(item):
            process = by_name[f"{item['metadata']['name']}/{one['name']}"]
            for port in one.get("ports", []):
                if process.listens().get(port["containerPort"], LOOPBACK) == LOOPBACK:
                    yield f"{process.name}: it is not open to others on port {port['containerPort']}"
    for name, ports in services(objects).items():
        for port, target in ports.items():
            if target not in {number for process in every if process.pod == name for number in process.listens()}:
                yield f"Service/{name}: port {port} leads to {target}, where nothing listens"
    for process in every:
        yield from _blocked(process, objects)


def _blocked(process: Process, objects: list[Object]) -> Iterator[str]:
    reachable, labels = services(objects), _labels(objects)
    for host, port in process.urls():
        if host not in reachable or port not in reachable[host]:
            continue
        target = reachable[host][port]
        for direction, whose, other in (("egress", process.pod, host), ("ingress", host, process.pod)):
            if not _allows(objects, direction, labels[whose], labels[other], target):
                yield f"{process.name}: no NetworkPolicy lets it reach {host} on port {target} ({direction})"


def _labels(objects: list[Object]) -> dict[str, dict[str, str]]:
    return {
        item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"]
        for item in of_kind(objects, *WORKLOADS)
    }


def _allows(objects: list[Object], direction: str, own: Mapping[str, str], peer: Mapping[str, str], port: int) -> bool:
    key = {"egress": "to", "ingress": "from"}[direction]
    for policy in of_kind(objects, "NetworkPolicy"):
        if not selects(policy["spec"]["podSelector"], own):
            continue
        for rule in policy["spec"].get(direction, []):
            peers = rule.get(key)
            matches = peers is None or any(
                selects(one["podSelector"], peer)
                for one in peers
                if "podSelector" in one and "namespaceSelector" not in one
            )
            if matches and port in {one["port"] for one in rule.get("ports", [])}:
                return True
    return False


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches a pod's labels; of operators, only In is supported."""
    pairs: dict[str, str] = selector.get("matchLabels", {})
    among = selector.get("matchExpressions", [])
    return all(labels.get(name) == value for name, value in pairs.items()) and all(
        one["operator"] == "In" and labels.get(one["key"]) in one["values"] for one in among
    )


def selector_problems(objects: list[Object]) -> Iterator[str]:
    """Selectors of policies, budgets and monitors that match no pod."""
    every = _labels(objects).values()
    for item in of_kind(objects, "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "ServiceMonitor"):
        selector = item["spec"].get("podSelector", item["spec"].get("selector"))
        if not any(selects(selector, labels) for labels in every):
            yield f"{label(item)}: its selector means no pod"
