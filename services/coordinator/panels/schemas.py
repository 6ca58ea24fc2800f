"""What the panel routes take and answer."""

from __future__ import annotations

import datetime as dt

from pydantic import ConfigDict, Field

from shared.dates import AnyDate
from shared.wire import NAME_PATTERN, Message


class PanelRequest(Message):
    """A panel to make: how many headlines, from which days (both ends included), by which seed."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: str = Field(pattern=NAME_PATTERN, description="Name of the panel within its corpus.")
    first: AnyDate | None = Field(None, alias="from", description="First day; the corpus' first when absent.")
    last: AnyDate | None = Field(None, alias="to", description="Last day; the corpus' last when absent.")
    headlines: int = Field(12, ge=1, le=10_000, description="How many headlines.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Another seed chooses other headlines.")


class PanelHeadline(Message):
    """A headline of a panel. `outcome_date` is the next day of the corpus, which settles a forecast of one day."""

    id: int
    date: dt.date
    outcome_date: dt.date | None
    published_at: dt.datetime
    text: str


class PanelView(Message):
    """A panel. `first` and `last` are the range that its headlines were chosen from; `runs` are scored on it."""

    corpus: str
    name: str
    first: dt.date
    last: dt.date
    headlines: int
    seed: int
    runs: list[str]
    created_at: dt.datetime


class PanelDetail(PanelView):
    """A panel with its headlines in order of date. `look_ahead` says when figures on it are of foresight."""

    items: list[PanelHeadline]
    look_ahead: str
