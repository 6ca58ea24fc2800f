"""The coordinator that commands connect to: that of MORROW_URL, or the local stack's."""

from __future__ import annotations

import os

from services.cli.client import Client
from services.cli.local.home import Home
from services.cli.local.state import running
from services.cli.local.token import local_token
from shared.errors import UnavailableError
from shared.settings import morrow_home

_START = "start the local stack with `morrow up --detach`, or set MORROW_URL"


def local_home() -> Home:
    """The local stack's folders."""
    return Home(morrow_home().resolve())


def connect() -> Client:
    """A client of the coordinator at MORROW_URL with MORROW_TOKEN, or else of the local stack with its own token.

    Raises UnavailableError, with the cure, if MORROW_URL is not set and no local stack is ready.
    """
    url = os.environ.get("MORROW_URL")
    if url:
        return Client.at(url.rstrip("/"), "is MORROW_URL right?", os.environ.get("MORROW_TOKEN", "").strip())
    home = local_home()
    state = running(home)
    if state is None:
        raise UnavailableError(f"no stack is running in {home.root}: {_START}")
    if state.coordinator_url is None:
        raise UnavailableError("the local stack is still starting: try again in a few seconds")
    advice = f"it may be restarting; its log is {home.logs / 'coordinator.log'}"
    return Client.at(state.coordinator_url, advice, local_token(home))
