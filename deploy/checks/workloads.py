"""Requirements of every workload: probes, resources, security contexts, resolvable references."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.checks.pods import PROBES, WORKLOADS, containers, lasting, pod_of, secrets
from deploy.checks.render import Object, label, of_kind

WORKERS = ("inference", "evaluator", "trainer", "engine")
WORKERS_SECRET = "morrow-worker"  # noqa: S105 - the name of a Secret


def workload_problems(objects: list[Object]) -> Iterator[str]:
    """Missing probes, resources and security settings; foreign Secrets of workers; dangling references."""
    for item in of_kind(objects, *WORKLOADS):
        yield from _pod(item)
        for one in containers(item):
            yield from _container(f"{label(item)}/{one['name']}", one)
        for one in lasting(item):
            yield from _probes(f"{label(item)}/{one['name']}", one)
        if item["metadata"]["name"] in WORKERS:
            foreign = {name for one in containers(item) for name in secrets(one)} - {WORKERS_SECRET}
            yield from (f"{label(item)}: a worker has no business with the Secret {name}" for name in sorted(foreign))
    yield from _references(objects)


def _pod(item: Object) -> Iterator[str]:
    pod, name = pod_of(item), label(item)
    guard = pod.get("securityContext", {})
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{name}: automountServiceAccountToken is not false"
    if not guard.get("runAsNonRoot") or not guard.get("runAsUser"):
        yield f"{name}: securityContext: runAsNonRoot and runAsUser are not both set"
    if guard.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{name}: securityContext.seccompProfile is not RuntimeDefault"
    if item["kind"] == "Deployment" and "terminationGracePeriodSeconds" not in pod:
        yield f"{name}: terminationGracePeriodSeconds is not set"


def _container(name: str, one: Object) -> Iterator[str]:
    guard, resources = one.get("securityContext", {}), one.get("resources", {})
    if guard.get("allowPrivilegeEscalation") is not False or guard.get("capabilities", {}).get("drop") != ["ALL"]:
        yield f"{name}: securityContext: allowPrivilegeEscalation is not false, or not all capabilities are dropped"
    if guard.get("readOnlyRootFilesystem") is not True:
        yield f"{name}: securityContext.readOnlyRootFilesystem is not true"
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
        yield f"{name}: resources: requests for cpu and memory, or a limit of memory, are missing"
    for variable in one.get("env", []):
        if "value" in variable and any(word in variable["name"] for word in ("TOKEN", "PASSWORD", "SECRET")):
            yield f"{name}: {variable['name']} has its value in the manifest; refer to a Secret"


def _probes(name: str, one: Object) -> Iterator[str]:
    ports = {port[key] for port in one.get("ports", []) for key in ("name", "containerPort")}
    for probe in PROBES:
        if probe not in one:
            yield f"{name}: {probe} is missing"
        for how in ("httpGet", "tcpSocket"):
            port = one.get(probe, {}).get(how, {}).get("port")
            if isinstance(port, str) and port not in ports:
                yield f"{name}: {probe}: the container has no port {port}"


def _references(objects: list[Object]) -> Iterator[str]:
    present = {(item["kind"], item["metadata"]["name"]) for item in objects}
    for item in of_kind(objects, *WORKLOADS):
        pod = pod_of(item)
        references = [("ServiceAccount", pod.get("serviceAccountName", "default"))]
        references += [("ConfigMap", volume["configMap"]["name"]) for volume in pod["volumes"] if "configMap" in volume]
        references += [
            ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
            for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume
        ]
        references += [
            ("ConfigMap", source["configMapRef"]["name"])
            for one in containers(item)
            for source in one.get("envFrom", [])
            if "configMapRef" in source
        ]
        for kind, name in references:
            if (kind, name) not in present and name != "default":
                yield f"{label(item)}: there is no {kind} {name}"
