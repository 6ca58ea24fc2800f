"""The configuration of a run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.run_config import RunConfig


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="learning_rat"):
        RunConfig.model_validate({"learning_rat": 0.1})


@pytest.mark.parametrize(("key", "value"), [("rollouts", 1), ("lag", -1), ("free_share", 1.5), ("learning_rate", 0)])
def test_a_value_out_of_bounds_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ValidationError, match=key):
        RunConfig.model_validate({key: value})


def test_a_preset_fills_only_what_is_not_given() -> None:
    legacy = RunConfig.model_validate({"preset": "legacy"})
    assert (legacy.gate, legacy.reward_base, legacy.bonus) == ("off", "composite", 0.0)
    assert RunConfig.model_validate({"preset": "legacy", "gate": "validity"}).gate == "validity"
    assert RunConfig().gate == "validity"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValidationError, match="preset"):
        RunConfig.model_validate({"preset": "sed"})


def test_equal_configurations_have_equal_digests_however_they_were_written() -> None:
    spelled_out = RunConfig.model_validate(RunConfig().model_dump(mode="json"))
    assert spelled_out.digest() == RunConfig().digest()
    assert RunConfig(lag=2).digest() != RunConfig().digest()


def test_a_configuration_cannot_be_changed() -> None:
    config: Any = RunConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.lag = 0


@pytest.mark.parametrize(
    ("rollouts", "share", "free"), [(8, 0.5, 4), (8, 0.0, 0), (8, 1.0, 8), (3, 0.5, 2), (5, 0.3, 2)]
)
def test_the_free_share_of_a_group_is_rounded_to_whole_rollouts(rollouts: int, share: float, free: int) -> None:
    assert RunConfig(rollouts=rollouts, free_share=share).free_rollouts == free
