"""The manifests render, fit the schemas and the code, and an error in them is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.checks import kubernetes
from deploy.checks.kubernetes import object_problems
from deploy.checks.pods import containers, secrets
from deploy.checks.render import OVERLAYS, of_kind, parsed
from services.inference.launch_vllm import VllmServer
from tests.unit.deploy.conftest import Overlays, plant


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_renders_without_problems(overlays: Overlays, name: str) -> None:
    assert object_problems(overlays[name]) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_deployments_are_those_of_the_architecture(overlays: Overlays, name: str) -> None:
    deployments = {item["metadata"]["name"] for item in of_kind(overlays[name], "Deployment")}
    assert deployments - {"postgres", "redis"} == {"coordinator", "inference", "evaluator", "trainer", "engine"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_workers_and_syncer_use_only_the_workers_secret(overlays: Overlays, name: str) -> None:
    known = {
        item["metadata"]["name"]: {secret for one in containers(item) for secret in secrets(one)}
        for item in of_kind(overlays[name], "Deployment")
    }
    workers = ("inference", "evaluator", "trainer", "engine")
    assert {worker: known[worker] for worker in workers} == {worker: {"morrow-worker"} for worker in workers}


def test_no_secret_has_a_value_in_the_manifests(overlays: Overlays) -> None:
    assert [item for objects in overlays.values() for item in of_kind(objects, "Secret")] == []


def test_vllm_gets_the_flags_and_variables_that_it_gets_elsewhere(overlays: Overlays) -> None:
    engine = next(one for one in overlays["gpu"] if one["kind"] == "Deployment" and one["metadata"]["name"] == "engine")
    container = next(one for one in containers(engine) if one["name"] == "engine")
    server = VllmServer("/weights/smollm2", python="python3", gpu=True, dtype="bfloat16")
    words = [part for word in container["args"] for part in word.split("=", 1)]
    assert [*container["command"], *words] == server.command()[:3] + words
    assert set(server.command()) == {*container["command"], *words}
    assert server.environment().items() <= {one["name"]: one["value"] for one in container["env"]}.items()


PLANTED = [
    ("Deployment", "coordinator", "replicas: 2", "replicas: two", "'two' is not of type"),
    ("Deployment", "inference", "image:", "imag:", "'imag' was unexpected"),
    ("Deployment", "inference", "name: MORROW_ENGINE_URL", "name: MORROW_ENGIN_URL", "reads no MORROW_ENGIN_URL"),
    ("Deployment", "inference", "http://engine:8701", "http://engine:8711", "engine answers no port 8711"),
    ("Deployment", "engine", "value: http://127.0.0.1:8701", "value: http://127.0.0.1:8700", "nothing listens"),
    ("Deployment", "trainer", "containerPort: 9108", "containerPort: 9100", "not open to others on port 9100"),
    ("Deployment", "trainer", "services.trainer.main", "services.trainer.go", "no module services.trainer.go"),
    ("Deployment", "evaluator", "- worker\n", "- work\n", "services.evaluator.main knows no work"),
    ("Deployment", "evaluator", "name: morrow-worker", "name: morrow-coordinator", "no business with the Secret"),
    ("Deployment", "coordinator", "readinessProbe", "resizePolicy", "is not of type 'array'"),
    ("Deployment", "coordinator", "readOnlyRootFilesystem: true", "privileged: false", "readOnlyRootFilesystem is not"),
    ("Deployment", "coordinator", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot and runAsUser"),
    (
        "Job",
        "migrate",
        "- migrate\n        env",
        "- upgrade\n        env",
        "services.coordinator.main knows no upgrade",
    ),
    ("Service", "engine", "targetPort: 8710", "targetPort: 8720", "leads to 8720, where nothing listens"),
    ("NetworkPolicy", "samplers", "port: 8710", "port: 8711", "no NetworkPolicy lets it reach engine"),
    ("ScaledObject", "inference", "pollingInterval", "pollInterval", "'pollInterval' was unexpected"),
    ("ScaledObject", "inference", 'listLength: "1"', "listLength: 1", "is not of type 'string'"),
    ("ScaledObject", "inference", "listLength", "listLenght", "redis: it knows no listLenght"),
    ("ScaledObject", "inference", "listName: generate", "listName: celery", "there is no queue celery"),
    ("ScaledObject", "inference", "cooldownPeriod: 960", "cooldownPeriod: 60", "is not above"),
    ("ScaledObject", "trainer", "name: trainer\n  triggers", "name: teacher\n  triggers", "names no Deployment"),
    ("ScaledObject", "engine", "vllm:num_requests_waiting", "vllm:requests", "nothing shows the metric vllm:requests"),
    ("PodMonitor", "workers", "podMetricsEndpoints", "podEndpoints", "'podEndpoints' was unexpected"),
    ("PodMonitor", "engine", "kubernetes.io/name: engine", "kubernetes.io/name: motor", "its selector means no pod"),
    ("ConfigMap", "morrow-dashboard", "morrow_steps", "morrow_stepz", "nothing shows morrow_stepz"),
]


@pytest.mark.parametrize(
    ("kind", "name", "old", "new", "message"), PLANTED, ids=[f"{one[1]}: {one[3]}" for one in PLANTED]
)
def test_planted_error_is_found(
    rendered: dict[str, str], kind: str, name: str, old: str, new: str, message: str
) -> None:
    documents = rendered["gpu"].split("\n---\n")
    at = next(at for at, text in enumerate(documents) if f"\nkind: {kind}\n" in text and f"\n  name: {name}\n" in text)
    assert old in documents[at]
    documents[at] = documents[at].replace(old, new, 1)
    problems = object_problems(parsed("\n---\n".join(documents)))
    assert any(message in problem for problem in problems), problems


def test_check_fails_on_a_planted_error(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["k8s-check", str(copy)])
    plant(copy, "k8s/overlays/gpu/kustomization.yaml", "components/keda", "components/kede")
    plant(copy, "k8s/base/trainer.yaml", "replicas: 1", 'replicas: "1"')
    assert kubernetes.main() == 1
    output = capsys.readouterr().out
    assert "components/kede" in output
    assert "$.spec.replicas: '1' is not of type" in output
