"""Settings hold secrets and never show them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.coordinator.settings import CoordinatorSettings
from services.evaluator.settings import EvaluatorSettings
from services.inference.settings import InferenceSettings
from services.trainer.settings import TrainerSettings
from shared.settings import ServiceSettings

KINDS = (CoordinatorSettings, EvaluatorSettings, InferenceSettings, TrainerSettings)
SECRETS = {
    "MORROW_DATABASE_URL": "postgresql://me:hunter2@db/morrow",
    "MORROW_BROKER_URL": "redis://:hunter2@broker/0",
    "MORROW_TOKEN": "mrw_hunter2",
    "MORROW_LOCAL_TOKEN": "mrw_hunter2",
    "MORROW_EVALUATOR_TOKEN": "hunter2",
    "MORROW_STORE_OPTIONS": '{"key": "me", "secret": "hunter2"}',
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_printed_of_settings_has_no_secret(
    kind: type[ServiceSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    assert "hunter2" not in f"{kind()!r} {kind()}"


def test_what_is_wrong_with_settings_is_told_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MORROW_STORE_OPTIONS", '["hunter2"]')
    monkeypatch.setenv("MORROW_PORT", "hunter2")
    with pytest.raises(ValidationError) as refused:
        CoordinatorSettings()
    assert "store_options" in str(refused.value)
    assert "hunter2" not in str(refused.value)
