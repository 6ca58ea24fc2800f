"""vLLM's routes for replacing an engine's own weights: pause, reload, set the version, checksum, resume."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from services.inference.cpu_engine.decoding.engine import Engine


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Paths(_Body):
    weights_path: str = Field(min_length=1, description="Folder of full weights in safetensors.")


class CollectiveRpc(_Body):
    """POST /collective_rpc, of which one method is known."""

    method: Literal["reload_weights"]
    kwargs: _Paths


class NewVersion(_Body):
    """POST /update_weight_version."""

    new_version: str = Field(min_length=1, max_length=200)


class WeightChecker(_Body):
    """POST /weight_checker, of which one action is known."""

    action: Literal["checksum"]


def install_weights(app: FastAPI, engine: Engine) -> None:
    """Add the routes."""
    _install_pausing(app, engine)

    @app.post("/collective_rpc")
    async def collective_rpc(body: CollectiveRpc) -> dict[str, list[None]]:
        """Replace the weights of `base` and of all that stands on it; the engine must be paused."""
        await asyncio.wrap_future(await asyncio.to_thread(engine.reload, body.kwargs.weights_path))
        return {"results": [None]}

    @app.post("/update_weight_version")
    async def update_weight_version(body: NewVersion) -> dict[str, bool | str]:
        """Set the weight version; `default` until then."""
        engine.weight_version = body.new_version
        return {"success": True, "new_version": body.new_version}

    @app.get("/weight_info")
    async def weight_info() -> dict[str, str]:
        """The weight version."""
        return {"weight_version": engine.weight_version}

    @app.post("/weight_checker")
    async def weight_checker(_: WeightChecker) -> dict[str, dict[str, str]]:
        """SHA-256 of each tensor."""
        return {"checksums": await asyncio.wrap_future(engine.checksums())}


def _install_pausing(app: FastAPI, engine: Engine) -> None:
    @app.post("/pause")
    async def pause(_: Annotated[Literal["wait"], Query(alias="mode")], clear_cache: bool = True) -> dict[str, str]:
        """Answer the requests so far and hold later ones; returns once nothing runs."""
        await asyncio.wrap_future(engine.pause(clear_cache))
        return {"status": "paused"}

    @app.post("/resume")
    async def resume() -> dict[str, str]:
        """Continue with the held requests."""
        await asyncio.wrap_future(engine.resume())
        return {"status": "resumed"}

    @app.get("/is_paused")
    async def is_paused() -> dict[str, bool]:
        """Whether the engine is paused."""
        return {"is_paused": engine.paused}
