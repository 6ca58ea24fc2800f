"""docs/configuration.md is generated from the code, and every setting has a description."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from shared.run_config import RunConfig

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT: dict[str, Any] = runpy.run_path(str(DOCS / "configuration.py"))
MODELS: list[type[BaseModel]] = [RunConfig, *SCRIPT["settings_classes"]()]


def test_configuration_page_is_up_to_date() -> None:
    assert (DOCS / "configuration.md").read_text("utf8") == SCRIPT["render"]()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_setting_has_a_description(model: type[BaseModel]) -> None:
    undescribed = [name for name, field in model.model_fields.items() if not (field.description or "").strip()]
    assert not undescribed
