"""Write the schemas in this folder anew from the packages that carry them.

pip install cloudcoil cloudcoil-models-keda==2.16.1.0 cloudcoil-models-prometheus-operator==0.80.1.0
python k8s/schemas/vendor.py
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = {
    "cloudcoil.models.keda.v1alpha1": ("ScaledObject", "ScaledJob", "TriggerAuthentication"),
    "cloudcoil.models.prometheus_operator.v1": ("ServiceMonitor", "PodMonitor"),
}
OF_KUBERNETES = ("ObjectMeta", "PodTemplateSpec", "Status", "JobTargetRef")
"""Definitions that are Kubernetes' own, or that only a cluster writes: taken as any object."""


def refers_to(node: dict[str, Any]) -> str:
    """The name of the definition that a field refers to, alone or beside null; empty if it does not."""
    return next((item["$ref"] for item in [node, *node.get("anyOf", [])] if "$ref" in item), "")


def plain(node: Any) -> Any:
    """A schema without titles, defaults and null alternatives, whose objects take no unknown field."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            return plain(choices[0])
    kept = {key: plain(value) for key, value in node.items() if key not in {"title", "default", "description", "anyOf"}}
    if "anyOf" in node:
        kept["anyOf"] = plain(choices)
    if "properties" in node:
        kept["properties"] = {
            name: {"type": "object"} if refers_to(value).endswith(OF_KUBERNETES) else plain(value)
            for name, value in node["properties"].items()
        }
        kept["additionalProperties"] = False
    return kept


def used(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with those of its definitions that are referred to."""
    definitions, wanted = schema.pop("$defs", {}), set[str]()
    waiting: list[Any] = [schema]
    while waiting:
        text = json.dumps(waiting.pop())
        names = {name for name in definitions if f'"#/$defs/{name}"' in text} - wanted
        wanted |= names
        waiting += [definitions[name] for name in names]
    return schema | {"$defs": {name: definitions[name] for name in sorted(wanted)}}


def main() -> None:
    """One file per kind."""
    for module, kinds in KINDS.items():
        for kind in kinds:
            model = getattr(importlib.import_module(module), kind)
            schema = used(plain(model.model_json_schema(by_alias=True)))
            (HERE / f"{kind}.json").write_text(json.dumps(schema, sort_keys=True, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
