"""Promotions while something else moves what is served: they look again once they hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import point, serve
from services.coordinator.database import Sessions
from services.coordinator.models import Checkpoint
from shared.checkpoints import CheckpointStore
from shared.wire import CheckpointRef
from tests.factories import day, make_corpus
from tests.integration.coordinator.conftest import Get, Start, UntilBlocked
from tests.integration.coordinator.serving.syncers import fake_syncer, published

Answers = list[Future[Any]]
Meanwhile = Callable[[str], AbstractContextManager[tuple[Session, Answers]]]


@pytest.fixture
def checkpoints(sessions: Sessions, store: CheckpointStore, start: Start) -> list[str]:
    """The checkpoints of a run of three days, none of which is served."""
    make_corpus(sessions, dates=4, per_day=1)
    start(last=day(2), promote="never")
    return published(sessions, store)


@pytest.fixture
def meanwhile(sessions: Sessions, server: httpx.Client, until_blocked: UntilBlocked) -> Meanwhile:
    """A transaction that moves what is served. Before it is committed, a promotion has looked the checkpoint up,
    verified its files and waits; its answer is there once the block is left.
    """

    @contextmanager
    def transaction(checkpoint: str) -> Iterator[tuple[Session, Answers]]:
        answers: Answers = []
        with ThreadPoolExecutor(1) as pool, sessions.begin() as session:
            yield session, answers
            answers.append(pool.submit(promote, server, checkpoint))
            until_blocked()

    return transaction


def promote(client: httpx.Client, checkpoint: str) -> Any:
    return client.post("/v1/serving", json={"checkpoint": checkpoint})


def served(get: Get) -> tuple[str | None, str | None]:
    found = get("/serving")
    return found["served"], found["previous"]


def test_an_alias_is_promoted_as_it_points_once_what_is_served_stands_still(
    sessions: Sessions, checkpoints: list[str], server: httpx.Client, get: Get, meanwhile: Meanwhile
) -> None:
    with sessions.begin() as session:
        point(session, "RUN", "final_model", checkpoints[1])
    with meanwhile("RUN:final_model") as (publishing, answers):
        point(publishing, "RUN", "final_model", checkpoints[2])
        serve(publishing, checkpoints[2])
    answer = answers[0].result().json()
    assert (answer["served"], answer["previous"], answer["changed"]) == (checkpoints[2], None, False)
    assert served(get) == (checkpoints[2], None)


def test_an_alias_that_moved_while_its_files_were_hashed_is_verified_anew(
    sessions: Sessions,
    checkpoints: list[str],
    server: httpx.Client,
    get: Get,
    meanwhile: Meanwhile,
    store: CheckpointStore,
) -> None:
    found = get(f"/checkpoints/{checkpoints[2]}")
    ref = CheckpointRef(**{name: found[name] for name in ("id", "uri", "sha256")})
    (store.path(ref) / "adapter_model.safetensors").write_bytes(b"something else")
    with sessions.begin() as session:
        point(session, "RUN", "final_model", checkpoints[1])
    with meanwhile("RUN:final_model") as (publishing, answers):
        serve(publishing, checkpoints[0])
        point(publishing, "RUN", "final_model", checkpoints[2])
    assert answers[0].result().json()["type"] == "urn:morrow:problem:checkpoint-corrupt"
    assert served(get) == (checkpoints[0], None)


def test_a_roll_back_goes_to_the_one_that_is_the_previous_by_then(
    sessions: Sessions, checkpoints: list[str], server: httpx.Client, get: Get, meanwhile: Meanwhile
) -> None:
    for checkpoint in checkpoints[:2]:
        promote(server, checkpoint)
    with meanwhile("previous") as (another, answers):
        serve(another, checkpoints[2])
        serve(another, checkpoints[1])
    assert answers[0].result().json()["previous"] == checkpoints[1]
    assert served(get) == (checkpoints[2], checkpoints[1])


def test_a_roll_back_of_what_is_served_no_more_is_refused(
    sessions: Sessions, checkpoints: list[str], server: httpx.Client, get: Get, meanwhile: Meanwhile
) -> None:
    for checkpoint in checkpoints[:2]:
        promote(server, checkpoint)
    with meanwhile("previous") as (another, answers):
        serve(another, checkpoints[2])
    assert answers[0].result().status_code == 409
    assert served(get) == (checkpoints[2], checkpoints[1])


def test_the_base_is_compared_with_that_of_the_checkpoint_that_is_served_by_then(
    sessions: Sessions, checkpoints: list[str], server: httpx.Client, get: Get, meanwhile: Meanwhile
) -> None:
    with fake_syncer(server, checkpoints[0]):
        with meanwhile(checkpoints[1]) as (another, answers):
            another.get_one(Checkpoint, checkpoints[0]).base_model = "another"
            serve(another, checkpoints[0])
        refused = answers[0].result()
    assert refused.status_code == 409
    assert "was trained on tiny" in refused.json()["detail"]
    assert served(get) == (checkpoints[0], None)
