"""The page on configuration is written from the code, and everything on it is explained."""

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


def test_the_page_on_configuration_is_what_make_docs_writes() -> None:
    assert (DOCS / "configuration.md").read_text("utf8") == SCRIPT["render"]()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_setting_says_what_it_does(model: type[BaseModel]) -> None:
    silent = [name for name, field in model.model_fields.items() if not (field.description or "").strip()]
    assert not silent
