"""What is sent to do harm gets the right answer and changes nothing, in the database and in the store."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from services.coordinator.app import MAX_SMALL_BODY, create_app
from services.coordinator.auth import service as tokens
from services.coordinator.auth.schemas import TokenRequest
from services.coordinator.database import Sessions
from shared.checkpoints import MANIFEST, CheckpointStore, sha256_of
from shared.errors import InvalidInputError
from shared.tokens import new_token
from shared.wire import CheckpointRef, TrainResult, TrainTask
from tests import factories
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Counts, Start
from tests.local import local_client

UP = ["../up", "..", "/etc/passwd", "a/../../b", "a\\b", ".hidden", "a\x00b", "a\nb", "~root", "%2e%2e"]
ROWS = [{"date": "2025-08-18", "text": "x" * 200, "published_at": "2025-08-18T09:00:00Z", "origin": "a:1"}]


def test_a_path_traversal_in_any_name_is_refused(client: TestClient, counts: Counts) -> None:
    before = counts()
    requests: list[tuple[str, str, dict[str, Any]]] = []
    for name in UP:
        requests += [
            ("POST", "/v1/backfills", {"name": name, "corpus": "sample"}),
            ("POST", "/v1/backfills", {"name": "RUN", "corpus": name}),
            ("POST", "/v1/imports/runs", {"name": name, "days": [{"date": "2025-08-18"}]}),
            ("POST", "/v1/corpora/sample/panels", {"name": name}),
            ("POST", "/v1/serving", {"checkpoint": name}),
        ]
    for method, path, body in requests:
        answer = client.request(method, path, json=body)
        assert answer.status_code in (404, 422), (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert counts() == before


@pytest.mark.parametrize("path", ["/v1/corpora/{}/imports", "/v1/prices/{}", "/v1/backfills/{}/cancel"])
def test_a_path_traversal_in_a_path_is_refused(client: TestClient, counts: Counts, path: str) -> None:
    before = counts()
    for name in ("..%2f..%2fup", "%2e%2e", "%2fetc%2fpasswd", "a%00b", ".hidden"):
        answer = client.post(path.format(name), json={"rows": ROWS})
        assert answer.status_code in (404, 405, 422), (name, answer.text)
    assert counts() == before


def test_a_value_that_postgres_cannot_store_gets_422(client: TestClient) -> None:
    for path in (
        "/v1/checkpoints/a%00b",
        "/v1/corpora?cursor=a%00b",
        "/v1/engines?cursor=%00",
        "/v1/tokens?cursor=%00",
    ):
        assert client.get(path).status_code == 422, path


def test_no_file_outside_a_checkpoint_is_served(client: TestClient, worker: FakeWorker, start: Start) -> None:
    make_corpus(worker.sessions, dates=2, per_day=1)
    start(last=day(0))
    worker.do_all("RUN")
    [checkpoint] = client.get("/v1/backfills/RUN/checkpoints").json()["items"]
    for name in ("..%2f..%2fetc%2fpasswd", "%2e%2e%2fmanifest.json", ".staging", "manifest.json%00.txt"):
        assert client.get(f"/v1/checkpoints/{checkpoint['id']}/files/{name}").status_code in (404, 422)
    assert client.get("/v1/checkpoints/..%2f..%2fRUN/files/manifest.json").status_code == 404


def test_the_body_limit_depends_on_the_route(sessions: Sessions, store: CheckpointStore, counts: Counts) -> None:
    before = counts()
    body = b'{"name": "' + b"x" * MAX_SMALL_BODY + b'"}'

    def pieces() -> Iterator[bytes]:
        yield from (body[at : at + 65_536] for at in range(0, len(body), 65_536))

    with local_client(create_app(sessions, store, max_body=2 * MAX_SMALL_BODY)) as client:
        for content in (body, pieces()):
            answer = client.post("/v1/backfills", content=content, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["type"]) == (413, "urn:morrow:problem:too-large")
        for content, status in ((body, 422), (body * 2, 413)):
            assert client.post("/v1/corpora/sample/imports", content=content).status_code == status
    assert counts() == before


def test_the_body_is_read_only_after_authentication(server: httpx.Client, sessions: Sessions) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    with sessions.begin() as session:
        tokens.create(session, new_token(), TokenRequest(name="some", scopes=["operate"]))
    try:
        answer = server.post("/v1/corpora/sample/imports", content=endless())
    except httpx.TransportError:
        return  # the server closed the connection while we were still sending
    assert answer.status_code == 401


def _train_task(worker: FakeWorker, start: Start) -> TrainTask:
    make_corpus(worker.sessions, dates=2, per_day=1)
    start(last=day(0))
    worker.do_all("RUN", limit=2)
    [step_id] = worker.queued("RUN")
    task = worker.take(step_id)
    assert isinstance(task, TrainTask)
    return task


PICKLE = pickle.dumps({"weights": [0.5]})


def test_a_renamed_pickle_is_not_published(store: CheckpointStore) -> None:
    for fence, name in enumerate(("adapter_model.bin", "adapter_model.pt", "adapter_model.safetensors")):
        staged = store.stage("RUN", day(0), fence)
        (staged / name).write_bytes(PICKLE)
        with pytest.raises(InvalidInputError, match="safetensors"):
            store.publish(staged, run="RUN", date=day(0), fence=fence, parent=None, base_model="base", adapter="lora")
    assert [path for path in (store.root / "RUN").iterdir() if not path.name.startswith(".")] == []


def test_a_worker_that_posts_a_pickle_is_refused(
    client: TestClient, worker: FakeWorker, start: Start, store: CheckpointStore, counts: Counts
) -> None:
    task = _train_task(worker, start)
    result = factories.trained(store, task)
    weights = store.path(result.checkpoint.ref) / "adapter_model.safetensors"
    weights.write_bytes(PICKLE)
    forged = _rehashed(store, result)
    before = counts()
    answer = worker.post(task, forged)
    assert (answer.status_code, "safetensors" in answer.json()["detail"]) == (422, True)
    assert counts() == before
    assert client.get("/v1/serving").json()["served"] is None


def _rehashed(store: CheckpointStore, result: TrainResult) -> TrainResult:
    """The result of a trainer that made its manifest for the files as they are now."""
    folder, record = store.path(result.checkpoint.ref), result.checkpoint
    files = {name: sha256_of(folder / name) for name in record.files}
    text = json.dumps(record.model_dump(mode="json", exclude={"ref"}) | {"files": files}, indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(text, "utf8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    name = f"{record.date:%Y%m%d}-{digest[:12]}"
    folder.rename(folder.with_name(name))
    ref = CheckpointRef(id=f"{record.run}-{name}", uri=f"{record.run}/{name}", sha256=digest)
    return result.model_copy(update={"checkpoint": record.model_copy(update={"files": files, "ref": ref})})


def test_a_checkpoint_outside_the_store_is_refused(
    worker: FakeWorker, start: Start, store: CheckpointStore, counts: Counts
) -> None:
    task = _train_task(worker, start)
    result = factories.trained(store, task)
    before = counts()
    for change in ({"uri": "../outside"}, {"uri": "/etc"}, {"uri": "RUN/../../x"}, {"uri": ""}, {"id": "../../up"}):
        ref = result.checkpoint.ref.model_copy(update=change)
        forged = result.model_copy(update={"checkpoint": result.checkpoint.model_copy(update={"ref": ref})})
        assert worker.post(task, forged).status_code in (422, 500), change
    assert counts() == before
