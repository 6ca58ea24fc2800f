"""Checks of ScaledObjects beyond their schema, which accepts any key in a trigger's metadata."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.checks.code import QUEUES, unknown_metrics
from deploy.checks.pods import pod_of
from deploy.checks.render import Object, label, of_kind

REQUIRED = {
    "postgresql": {"query", "targetQueryValue"},
    "redis": {"listName", "listLength"},
    "prometheus": {"serverAddress", "query", "threshold"},
}
OPTIONAL = {
    "postgresql": {"activationTargetQueryValue", "host", "port", "userName", "dbName", "sslmode"},
    "redis": {"activationListLength", "address", "host", "port", "databaseIndex", "enableTLS", "unsafeSsl"},
    "prometheus": {"activationThreshold", "namespace", "ignoreNullValues", "unsafeSsl", "timeout", "customHeaders"},
}
"""The documented keys of each scaler's metadata that are used or expected here."""


def autoscaling_problems(objects: list[Object]) -> Iterator[str]:
    """Missing targets, targets that also set replicas, unknown metadata keys, unknown queues and metrics."""
    deployments = {item["metadata"]["name"]: item for item in of_kind(objects, "Deployment")}
    logins = {item["metadata"]["name"] for item in of_kind(objects, "TriggerAuthentication")}
    for item in of_kind(objects, "ScaledObject"):
        spec = item["spec"]
        target = deployments.get(spec.get("scaleTargetRef", {}).get("name"))
        if target is None:
            yield f"{label(item)}: scaleTargetRef names no Deployment"
            continue
        if "replicas" in target["spec"]:
            yield f"{label(item)}: the Deployment sets replicas, too: each apply would reset KEDA's number"
        yield from _scale_to_zero(item, pod_of(target))
        for trigger in spec.get("triggers", []):
            yield from (f"{label(item)}: {problem}" for problem in _trigger(trigger, logins))


def _scale_to_zero(item: Object, pod: Object) -> Iterator[str]:
    spec = item["spec"]
    if min(spec.get("minReplicaCount", 0), spec.get("idleReplicaCount", 1)) > 0:
        return
    if spec.get("cooldownPeriod", 300) <= pod["terminationGracePeriodSeconds"]:
        yield f"{label(item)}: cooldownPeriod is not above terminationGracePeriodSeconds of its pods"


def _trigger(trigger: Object, logins: set[str]) -> Iterator[str]:
    kind, metadata = trigger.get("type", ""), trigger.get("metadata", {})
    if kind not in REQUIRED:
        yield f"the trigger {kind} is not known to this check"
        return
    yield from (f"{kind}: {word} is missing" for word in sorted(REQUIRED[kind] - metadata.keys()))
    yield from (f"{kind}: it knows no {word}" for word in sorted(metadata.keys() - REQUIRED[kind] - OPTIONAL[kind]))
    if kind == "redis" and metadata.get("listName") not in QUEUES:
        yield f"redis: there is no queue {metadata.get('listName')}"
    yield from (f"{kind}: nothing shows the metric {name}" for name in unknown_metrics(metadata.get("query", "")))
    login = trigger.get("authenticationRef", {}).get("name")
    if login and login not in logins:
        yield f"{kind}: there is no TriggerAuthentication {login}"
