"""What the routes of the serving side take and answer."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.dates import AnyDate
from shared.run_config import ProfileName
from shared.wire import ForecastLine, Message

Headline = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Named = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$")]


class EngineView(Message):
    """An engine as its syncer last reported it. `loaded` are the policies that answered a probe, each with the seconds
    its load took and since when it is verified.

    `ready`: it holds what is served now and is heard of. `stale`: it was not heard of for longer than
    MORROW_ENGINE_STALE_AFTER; `age_seconds` ago it was.
    """

    url: str
    syncer_url: str | None
    loaded: list[str]
    load_seconds: dict[str, float]
    verified_at: dict[str, dt.datetime]
    ready: bool
    stale: bool
    age_seconds: float
    error: str | None
    first_seen: dt.datetime
    seen_at: dt.datetime


class SwapView(Message):
    """A checkpoint that came to be held by an engine. `wanted_at` is when it was promoted, or published if it was not.

    `seconds` lie between that and the probe that verified it: 0 where the engine held it already, null where the engine
    came later. The engine's host tells the time of the probe.
    """

    id: int
    run: str
    date: dt.date
    checkpoint: str
    engine: str
    promoted: bool
    wanted_at: dt.datetime
    verified_at: dt.datetime
    load_seconds: float | None
    seconds: float | None


class PromoteRequest(Message):
    """What is to be served. With `wait`, the answer comes when every engine that is heard of holds it."""

    checkpoint: Named = Field(
        description="A checkpoint's id, RUN:ALIAS such as RUN:final_model, or `previous` to roll back."
    )
    wait: bool = Field(False, description="Whether to wait for all engines that are heard of.")
    timeout_seconds: float = Field(60.0, gt=0, le=600, description="Longest wait; the promotion stands after it.")
    expected: str | None = Field(
        None,
        max_length=200,
        description="Promote only if this is served now; an empty text stands for nothing being served.",
    )


class EngineStanding(Message):
    """Whether an engine holds the promoted checkpoint: `ready`, `lacking`, or `stale` (not heard of, not waited for).

    `seconds` lie between the promotion and the probe that verified it; 0 where it was held before.
    """

    engine: str
    state: Literal["ready", "lacking", "stale"]
    seconds: float | None
    load_seconds: float | None
    error: str | None
    seen_at: dt.datetime


class PromotionView(Message):
    """What is served after a promotion; `changed` is false if it was served already."""

    served: str
    previous: str | None
    changed: bool
    promoted_at: dt.datetime | None
    engines: list[EngineStanding]


class ForecastRequest(Message):
    """A headline to forecast from. `date` is today's (UTC) when absent, `seed` drawn anew."""

    headline: Headline
    date: AnyDate | None = Field(None, description="The day that the forecast is made on.")
    lines: int = Field(1, ge=1, le=64, description="How many forecasts.")
    profile: ProfileName = Field("default", description="Sampler profile: tight, default or loose.")
    format: Annotated[str, StringConstraints(max_length=32)] = Field("one_line", description="Form of a forecast.")
    policy: Named = Field("served", description="`served`, `base`, or the id of a checkpoint that engines hold.")
    max_tokens: int = Field(160, ge=16, le=1024, description="Longest answer, in tokens.")
    seed: int | None = Field(None, ge=0, le=2**31 - 1, description="Seed of the samples.")


class ForecastAnswer(Message):
    """Forecasts. All lines were spoken by `policy`: a checkpoint's id, or `base`. `served` is the checkpoint that was
    served when the request came in; another policy answers only while no engine holds that one yet."""

    policy: str
    served: str | None
    engine: str
    date: dt.date
    profile: ProfileName
    format: str
    seed: int
    seconds: float
    lines: list[ForecastLine]
