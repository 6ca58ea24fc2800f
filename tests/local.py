"""A client of an application as a program on the same machine is one: what is served without a token."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient


def local_client(app: FastAPI, **options: Any) -> TestClient:
    """A TestClient whose peer is on loopback."""
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000), **options)
