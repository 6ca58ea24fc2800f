"""The pods of rendered objects as processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploy.checks.processes import Process
from deploy.checks.render import Object, of_kind

WORKLOADS = ("Deployment", "Job")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def pod_of(item: Object) -> Object:
    """The pod specification of a workload."""
    spec: Object = item["spec"]["template"]["spec"]
    return spec


def containers(item: Object) -> list[Object]:
    """All containers of a workload, init containers included."""
    pod = pod_of(item)
    return [*pod.get("initContainers", []), *pod["containers"]]


def lasting(item: Object) -> list[Object]:
    """The containers that run as long as the pod: its own, and sidecars."""
    pod = pod_of(item)
    own = [] if item["kind"] == "Job" else pod["containers"]
    return [*own, *(one for one in pod.get("initContainers", []) if one.get("restartPolicy") == "Always")]


def _env(container: Object, maps: Mapping[str, Mapping[str, str]]) -> dict[str, str | None]:
    variables: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        variables |= maps.get(source["configMapRef"]["name"], {})
    return variables | {one["name"]: one.get("value") for one in container.get("env", [])}


def processes(objects: list[Object]) -> list[Process]:
    """The containers of all workloads as processes."""
    maps = {item["metadata"]["name"]: item.get("data", {}) for item in of_kind(objects, "ConfigMap")}
    return [
        Process(
            f"{item['metadata']['name']}/{one['name']}",
            item["metadata"]["name"],
            one["image"],
            (*one.get("command", []), *one.get("args", [])),
            _env(one, maps),
            tuple(word for probe in PROBES for word in one.get(probe, {}).get("exec", {}).get("command", [])),
        )
        for item in of_kind(objects, *WORKLOADS)
        for one in containers(item)
    ]


def services(objects: list[Object]) -> dict[str, dict[int, int]]:
    """Each Service's ports, with the port of its pods."""
    named = {
        (item["metadata"]["name"], port.get("name")): port["containerPort"]
        for item in of_kind(objects, *WORKLOADS)
        for one in containers(item)
        for port in one.get("ports", [])
    }
    return {
        item["metadata"]["name"]: {
            port["port"]: port["targetPort"]
            if isinstance(port["targetPort"], int)
            else named.get((item["spec"]["selector"]["app.kubernetes.io/name"], port["targetPort"]), 0)
            for port in item["spec"]["ports"]
        }
        for item in of_kind(objects, "Service")
    }


def secrets(container: Object) -> Iterator[str]:
    """The names of the Secrets that a container refers to."""
    for one in container.get("env", []):
        if reference := one.get("valueFrom", {}).get("secretKeyRef"):
            yield reference["name"]
    yield from (source["secretRef"]["name"] for source in container.get("envFrom", []) if "secretRef" in source)
