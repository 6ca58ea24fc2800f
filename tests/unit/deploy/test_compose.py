"""Compose takes its file, everything in it is in the code, and an error is found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from deploy.checks import compose
from deploy.checks.code import ROOT
from deploy.checks.tools import CheckError
from services.inference.launch_vllm import VllmServer
from tests.unit.deploy.conftest import plant

COMMON = {"postgres", "redis", "coordinator", "inference", "evaluator", "syncer", "gateway", "prometheus", "grafana"}


@pytest.mark.parametrize("profile", compose.PROFILES)
def test_compose_understands_the_file_and_nothing_is_wrong_with_it(profile: str) -> None:
    assert list(compose.service_problems(compose.configuration(profile))) == []


def test_hadolint_agrees_with_the_dockerfile_and_its_commands_are_in_the_code() -> None:
    assert [*compose.lint(), *compose.image_problems()] == []


def test_each_profile_has_an_engine_and_a_trainer_of_its_own() -> None:
    services = {profile: compose.configuration(profile).keys() for profile in compose.PROFILES}
    assert services["cpu"] & services["gpu"] >= COMMON
    assert services["cpu"] - services["gpu"] == {"engine", "trainer"}
    assert services["gpu"] - services["cpu"] == {"vllm", "weights", "trainer-gpu"}


def test_every_service_has_an_image_of_its_own_and_workers_can_be_scaled() -> None:
    assert {"coordinator", "inference", "engine-cpu", "evaluator", "trainer", "cli"} <= compose.stages().keys()
    for name in ("inference", "evaluator"):
        service = compose.configuration("cpu")[name]
        assert not service.get("ports")
        assert not service.get("container_name")


def test_final_images_are_built_on_the_plain_base() -> None:
    text = (ROOT / "Dockerfile").read_text("utf8")
    finals = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)}
    assert finals["python"] == "python:3.11-slim-bookworm"
    names = ("coordinator", "inference", "evaluator", "trainer", "cli")
    assert {finals[name] for name in names} == {"python"}
    assert finals["engine-cpu"] == "inference"


def test_workers_hold_the_workers_token_and_know_no_database() -> None:
    for profile in compose.PROFILES:
        for name, service in compose.configuration(profile).items():
            env = service.get("environment") or {}
            if "MORROW_COORDINATOR_URL" in env:
                assert "MORROW_TOKEN" in env, name
                assert "MORROW_DATABASE_URL" not in env, name


def test_vllm_gets_the_flags_and_variables_that_it_gets_elsewhere() -> None:
    service = compose.configuration("gpu")["vllm"]
    everywhere = "0.0.0.0"  # noqa: S104 - of its own network
    server = VllmServer("/weights/smollm2", python="python3", host=everywhere, gpu=True, dtype="bfloat16")
    words = [part for word in service["command"] for part in word.split("=", 1)]
    assert set(server.command()) == {*service["entrypoint"], *words}
    assert server.environment().items() <= service["environment"].items()


def test_prometheus_asks_services_that_are_there_on_ports_that_answer() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text("utf8"))
    answers: dict[str, dict[int, int]] = {}
    for profile in compose.PROFILES:
        answers |= compose.answers(compose.configuration(profile))
    for job in config["scrape_configs"]:
        for group in job.get("static_configs", []):
            for host, port in (target.split(":") for target in group["targets"]):
                assert int(port) in answers[host]
        for group in job.get("dns_sd_configs", []):
            assert all(group["port"] in answers[name] for name in group["names"])


def test_passwords_have_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf8")
    secret = re.findall(r"\$\{([A-Z_]*(?:PASSWORD|TOKEN)[A-Z_]*)(:?[?-]?)", text)
    assert secret
    assert {mark for _, mark in secret} == {":?"}
    variables = (ROOT / "deploy" / "compose.env").read_text("utf8")
    assert re.findall(r"^[A-Z_]*(?:PASSWORD|TOKEN)=(.+)$", variables, re.MULTILINE) == []


PLANTED = [
    ("docker-compose.yml", "stop_grace_period: 30s", "stop_grace_perod: 30s", "stop_grace_perod"),
    ("docker-compose.yml", "POSTGRES_PASSWORD:?set", "DATABASE_PASSWORD:?set", "DATABASE_PASSWORD"),
    ("docker-compose.yml", "MORROW_AUTH:", "MORROW_AUTHS:", "reads no MORROW_AUTHS"),
    ("docker-compose.yml", "127.0.0.1:8700/readyz", "127.0.0.1:8711/readyz", "nothing listens on port 8711"),
    ("docker-compose.yml", "http://gateway:8710", "http://gateway:8701", "gateway answers no port 8701"),
    ("docker-compose.yml", "networks: [work]", "networks: [watch]", "coordinator: it shares no network with redis"),
    ("docker-compose.yml", "services.trainer.main", "services.trainer.start", "no module services.trainer.start"),
    ("docker-compose.yml", "main, migrate]", "main, upgrade]", "services.coordinator.main knows no upgrade"),
    ("docker-compose.yml", "target: evaluator", "target: scorer", "no target scorer"),
    ("docker-compose.yml", '"127.0.0.1:8700:8700"', '"8700:8700"', "published beyond this machine"),
    ("docker-compose.yml", "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "it is not guarded"),
    ("Dockerfile", "python:3.11-slim-bookworm", "python", "DL3006"),
    ("Dockerfile", "WORKDIR /src", "WORKDIR src", "DL3000"),
    ("Dockerfile", " && chmod --recursive a+rX /models/smollm2", "", "/models/smollm2 of model may be unreadable"),
    ("Dockerfile", "EXPOSE 8700", "EXPOSE 8000", "nothing listens on port 8000"),
    ("Dockerfile", '"services.evaluator.main", "worker"', '"services.evaluator.main", "work"', "knows no work"),
    ("Dockerfile", "MORROW_HOST=0.0.0.0", "MORROW_HOSTS=0.0.0.0", "reads no MORROW_HOSTS"),
]


def _problems(root: Path, file: str) -> list[str]:
    if file == "Dockerfile":
        return [*compose.lint(root), *compose.image_problems(root)]
    try:
        return list(compose.service_problems(compose.configuration("cpu", root), root))
    except CheckError as error:
        return [str(error)]


@pytest.mark.parametrize(("file", "old", "new", "message"), PLANTED, ids=[f"{one[0]}: {one[2]}" for one in PLANTED])
def test_planted_error_is_found(copy: Path, file: str, old: str, new: str, message: str) -> None:
    plant(copy, file, old, new)
    problems = _problems(copy, file)
    assert any(message in problem for problem in problems), problems


def test_check_fails_on_a_planted_error(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compose-check", str(copy)])
    plant(copy, "docker-compose.yml", "MORROW_AUTH:", "MORROW_AUTHS:")
    assert compose.main() == 1
    assert "reads no MORROW_AUTHS" in capsys.readouterr().out
