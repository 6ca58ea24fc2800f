"""The gateway lets through what the clients of an engine ask for, and nothing that administers one."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType

import pytest

from deploy.checks import compose
from deploy.checks.code import ROOT
from services.evaluator import judge_client
from services.inference import engine_client as sampling_client
from services.inference.syncer import clients as admin_client

CONFIGURATION = (ROOT / "deploy" / "gateway" / "gateway.conf").read_text("utf8")
LOCATIONS = dict(re.findall(r"location = (\S+) \{(.*?)\}\n(?=    location|  \})", CONFIGURATION, re.DOTALL))

OPTIONAL = ("GET", "/server_info")
"""A route of vLLM's development mode that shows its environment; a worker does without an answer."""


def requests_of(client: ModuleType) -> set[tuple[str, str]]:
    """Method and path of each request that a client makes."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(client))) if isinstance(node, ast.Call)]
    written = [
        [part.value for part in call.args[:2] if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        for call in calls
    ]
    return {(words[0], words[1].partition("?")[0]) for words in written if len(words) == 2 and words[1].startswith("/")}


def lets_through(method: str, path: str) -> bool:
    """Whether the gateway passes a request on."""
    if path not in LOCATIONS:
        return False
    only = re.search(r"limit_except ([A-Z ]+) \{ deny all; \}", LOCATIONS[path])
    return only is None or method in only[1].split()


def test_the_clients_are_read_as_they_are() -> None:
    needed = {("GET", "/weight_info"), ("GET", "/v1/models"), ("POST", "/v1/completions")}
    assert requests_of(sampling_client) == needed | {OPTIONAL}
    assert ("POST", "/tokenize") in requests_of(judge_client)
    assert ("POST", "/v1/load_lora_adapter") in requests_of(admin_client)


@pytest.mark.parametrize("client", [sampling_client, judge_client], ids=["sampling", "judging"])
def test_whatever_a_worker_asks_an_engine_for_passes(client: ModuleType) -> None:
    needed = requests_of(client) - {OPTIONAL}
    assert [request for request in sorted(needed) if not lets_through(*request)] == []


def test_nothing_that_changes_an_engine_passes() -> None:
    samples = requests_of(sampling_client) | requests_of(judge_client)
    changes = {(method, path) for method, path in requests_of(admin_client) - samples if method != "GET"}
    assert {path for _, path in changes} >= {"/pause", "/collective_rpc", "/update_weight_version"}
    assert [request for request in sorted(changes) if lets_through(*request)] == []
    assert not lets_through("POST", "/weight_info")


def test_each_address_is_passed_on_as_it_is_written_and_everything_else_is_refused() -> None:
    passed = {path: re.findall(r"proxy_pass (\S+);", text) for path, text in LOCATIONS.items()}
    assert passed == {path: [f"http://$engine{path}"] for path in LOCATIONS}
    assert "location / { return 403; }" in CONFIGURATION
    assert CONFIGURATION.count("location ") == len(LOCATIONS) + 1


@pytest.mark.parametrize(("profile", "engine"), [("cpu", "engine"), ("gpu", "vllm")])
def test_only_gateway_and_syncer_share_a_network_with_the_engine(profile: str, engine: str) -> None:
    services = compose.configuration(profile)
    networks = set(services[engine]["networks"])
    assert {name for name, one in services.items() if networks & set(one.get("networks") or {})} == {
        engine,
        "gateway",
        "syncer",
    }
    assert [name for name, one in services.items() if str(one.get("network_mode", "")).startswith("service:")] == []


@pytest.mark.parametrize("profile", compose.PROFILES)
def test_the_gateway_in_compose_looks_where_the_engine_answers(profile: str) -> None:
    text = (ROOT / "deploy" / "gateway" / "engine-compose.conf").read_text("utf8")
    host, port = re.findall(r"default ([a-z]+):(\d+);", text)[0]
    assert int(port) in compose.answers(compose.configuration(profile))[host]
