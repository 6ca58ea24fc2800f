"""Validates objects by the published schemas: Kubernetes' own from a package, operators' from k8s/schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from deploy.checks.code import ROOT
from deploy.checks.render import Object, label

KUBERNETES = "v1.34.0-local-strict"
"""Kubernetes version of the schemas, which refuse unknown fields. Native sidecars and preStop sleep need 1.30."""
OPERATORS = {
    "ScaledObject": "keda.sh/v1alpha1",
    "ScaledJob": "keda.sh/v1alpha1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
}


def _published() -> Traversable:
    return resources.files("kubernetes_validate") / "kubernetes-json-schema" / KUBERNETES


@cache
def _definitions() -> Registry[Any]:
    resource = Resource.from_contents(json.loads((_published() / "_definitions.json").read_text("utf8")))
    return resource @ Registry()


@cache
def _validator(kind: str, version: str) -> Draft202012Validator | None:
    if OPERATORS.get(kind) == version:
        schema = (ROOT / "k8s" / "schemas" / f"{kind}.json").read_text("utf8")
        return Draft202012Validator(json.loads(schema))
    group, _, number = version.rpartition("/")
    prefix = f"{group.partition('.')[0]}-" if group else ""
    file = _published() / f"{kind.lower()}-{prefix}{number}.json"
    if not file.is_file():
        return None
    return Draft202012Validator(json.loads(file.read_text("utf8")), registry=_definitions())


def schema_problems(item: Object) -> Iterator[str]:
    """Violations of an object's schema, unknown fields included."""
    validator = _validator(item["kind"], item["apiVersion"])
    if validator is None:
        yield f"{label(item)}: there is no schema of {item['kind']} {item['apiVersion']}"
        return
    for error in validator.iter_errors(item):
        yield f"{label(item)}: {error.json_path}: {error.message}"
