"""Both sides of bench/end_to_end.py do the same work: TRL's with a tiny model, Morrow's with a fake worker."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import pytest

from bench.backfilling.morrow_backfill import counted
from bench.backfilling.trl_script import Reward, backfill, stops, trl_config
from bench.backfilling.work import CORPUS, Figures, differences, run_config, sample_days
from services.cli.client import Client
from services.cli.commands.corpus import import_corpus
from services.coordinator.app import create_app
from services.coordinator.database import Sessions
from shared.checkpoints import CheckpointStore
from shared.run_config import RunConfig
from tests.fakes import FakeWorker
from tests.integration.engine_contract.tiny import write_model
from tests.local import local_client
from tests.unit.evaluator.group_texts import WordEmbedder

SIZE = argparse.Namespace(days=2, headlines=2, rollouts=2, tokens=16)
RUN = "RUN"


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return run_config(SIZE)


@pytest.fixture(scope="module")
def stock(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """What TRL's script did."""
    folder, days = tmp_path_factory.mktemp("stock"), sample_days(SIZE.days, SIZE.headlines)
    texts = [turn["content"] for day in days for prompt in day.prompts(config) for turn in prompt]
    model = str(write_model(folder / "model", texts, vocabulary=700, context=2048))
    args = trl_config(config, folder, config.rollouts, vllm=False, generation=stops(model, config))
    return backfill(model, days, args, Reward(days, config, WordEmbedder()))


@pytest.fixture
def morrow(config: RunConfig, sessions: Sessions, tmp_path: Path) -> Figures:
    """What a backfill of the same size did."""
    store = CheckpointStore(tmp_path / "store")
    with local_client(create_app(sessions, store)) as http:
        client = Client(http, "")  # type: ignore[arg-type]
        import_corpus(client, CORPUS, "sample", form="daily-json")
        first, *_, last = [day["date"] for day in client.items("/v1/corpora/sample/days")][: SIZE.days]
        settings = config.model_dump(include={"headlines", "rollouts", "max_tokens"})
        body = {"name": RUN, "corpus": "sample", "from": first, "to": last, "config": settings}
        client.post("/v1/backfills", body)
        FakeWorker(http, sessions, store).do_all(RUN)
        return counted(client, RUN)


def test_both_sides_take_the_same_headlines_and_make_as_many_rollouts_and_checkpoints(
    stock: Figures, morrow: Figures
) -> None:
    # the fake worker makes its optimizer steps up
    assert differences(stock, morrow, ("headlines", "rollouts", "checkpoints")) == []
    assert stock["rollouts"] == SIZE.days * SIZE.headlines * SIZE.rollouts


def test_trl_makes_the_optimizer_steps_of_the_runs_minibatches(stock: Figures, config: RunConfig) -> None:
    assert stock["steps"] == SIZE.days * config.minibatches


def test_no_answer_is_longer_than_the_limit_and_each_is_scored(stock: Figures) -> None:
    assert 0 < stock["tokens"] <= stock["rollouts"] * SIZE.tokens


def test_a_difference_is_named_with_both_sides() -> None:
    equal = {"headlines": {"20240909": ["Oil"]}, "rollouts": 8, "steps": 2, "checkpoints": 1}
    assert differences(equal, equal) == []
    assert differences(equal, equal | {"rollouts": 7}) == ["rollouts: TRL 8, Morrow 7"]


def test_days_are_settled_by_the_next_days_headlines() -> None:
    first, second = sample_days(2, 2)
    assert dt.datetime.strptime(first.date, "%Y%m%d").replace(tzinfo=dt.UTC).date() == dt.date(2024, 9, 9)
    assert first.outcomes == second.peers
    assert first.headlines == first.peers[:2]
