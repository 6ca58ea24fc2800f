"""Panels as the API takes and returns them."""

from __future__ import annotations

import datetime as dt

from pydantic import ConfigDict, Field

from shared.dates import AnyDate
from shared.wire import NAME_PATTERN, Message


class PanelRequest(Message):
    """A panel to create: number of headlines, range of days (both ends included), random seed."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: str = Field(pattern=NAME_PATTERN, description="Name of the panel within its corpus.")
    first: AnyDate | None = Field(None, alias="from", description="First day; by default the corpus' first.")
    last: AnyDate | None = Field(None, alias="to", description="Last day; by default the corpus' last.")
    headlines: int = Field(12, ge=1, le=10_000, description="Number of headlines.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Random seed of the selection.")


class PanelHeadline(Message):
    """A headline of a panel. `outcome_date` is the next day of the corpus, which settles a forecast of one day."""

    id: int
    date: dt.date
    outcome_date: dt.date | None
    published_at: dt.datetime
    text: str


class PanelView(Message):
    """A panel. Its headlines were selected from `first` to `last`; `runs` are scored on it."""

    corpus: str
    name: str
    first: dt.date
    last: dt.date
    headlines: int
    seed: int
    runs: list[str]
    created_at: dt.datetime


class PanelDetail(PanelView):
    """A panel with its headlines in order of date. `look_ahead` says which checkpoints show foresight on it."""

    items: list[PanelHeadline]
    look_ahead: str
