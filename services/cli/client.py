"""HTTP client of the coordinator: JSON in, JSON out, every failure a MorrowError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from shared.errors import MorrowError, UnavailableError
from shared.http import bearer, raise_for_problem

Json = dict[str, Any]
PAGE_SIZE = 1000


class Client:
    """Client of the coordinator's REST API. `advice` is the cure in the error for a coordinator that does not respond.

    Every method raises UnavailableError without a coordinator, else the MorrowError of the response's problem+json.
    """

    def __init__(self, http: httpx.Client, advice: str) -> None:
        self.http = http
        self._advice = advice

    @classmethod
    def at(cls, url: str, advice: str, token: str = "") -> Client:
        """A client of the coordinator at `url`; it sends `token` if that is not empty."""
        is_local = httpx.URL(url).host in ("127.0.0.1", "localhost")
        # Minutes, since the coordinator answers a large import only when its rows are stored.
        timeout = httpx.Timeout(300.0, connect=5.0)
        # No proxy of the environment for the loopback: it would not reach this machine.
        http = httpx.Client(base_url=url, timeout=timeout, trust_env=not is_local, headers=bearer(token))
        return cls(http, advice)

    def get(self, path: str, **query: object) -> Json:
        """The JSON object at `path`; query parameters that are None are left out."""
        return self._object(self._send("GET", path, query=query))

    def text(self, path: str, **query: object) -> str:
        """The text at `path`."""
        return self._send("GET", path, query=query).text

    def items(self, path: str, **query: object) -> Iterator[Json]:
        """All items of a list, fetched page by page."""
        cursor: object = None
        while True:
            page = self.get(path, **query, limit=PAGE_SIZE, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def post(self, path: str, body: Mapping[str, object] | None = None, **query: object) -> Json:
        """Post a JSON object; returns the JSON object of the response."""
        return self._object(self._send("POST", path, body=body, query=query))

    def delete(self, path: str) -> Json:
        """Delete the resource at `path`; returns the JSON object of the response."""
        return self._object(self._send("DELETE", path, query={}))

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes at `path`, streamed; raises UnavailableError if the transfer is interrupted."""
        try:
            with self.http.stream("GET", path) as response:
                if response.is_error:
                    # A streamed body is not read by itself, and the problem is in it.
                    response.read()
                    raise_for_problem(response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise UnavailableError(f"the transfer of {path} was interrupted ({_in_short(error)})") from error

    def _send(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None, query: Mapping[str, object]
    ) -> httpx.Response:
        parameters = {key: str(value) for key, value in query.items() if value is not None}
        try:
            response = self.http.request(method, path, json=body, params=parameters)
        except httpx.TransportError as error:
            raise UnavailableError(
                f"no coordinator responds at {self.http.base_url} ({_in_short(error)}): {self._advice}"
            ) from error
        return raise_for_problem(response)

    @staticmethod
    def _object(response: httpx.Response) -> Json:
        try:
            body = response.json()
        except ValueError as error:
            raise MorrowError(f"the response of {response.request.url} is not JSON: is this a coordinator?") from error
        if not isinstance(body, dict):
            raise MorrowError(f"the response of {response.request.url} is not a JSON object: is this a coordinator?")
        return body


def _in_short(error: Exception) -> str:
    # httpx puts the errno in brackets before the reason.
    return str(error).split("] ")[-1] or type(error).__name__


def error_lines(error: MorrowError, limit: int = 20) -> list[str]:
    """An error as lines of text: its detail, then up to `limit` invalid fields, then the number of the others."""
    fields = [f"  {e.get('field', '')}: {e.get('message', '')}" for e in error.errors]
    shown = [line for line in fields[:limit] if line.strip(" :") and line.strip() not in error.detail]
    more = [f"  … and {len(fields) - limit} more"] if len(fields) > limit else []
    return [error.detail, *shown, *more]
