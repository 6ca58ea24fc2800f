"""The coordinator as the CLI sees it: JSON in, JSON out, every failure a MorrowError of one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from shared.errors import MorrowError, UnavailableError
from shared.http import bearer, raise_for_problem

Json = dict[str, Any]
PAGE = 1000


class Client:
    """Calls of the coordinator's REST interface. `advice` ends the line that says that nobody answers."""

    def __init__(self, http: httpx.Client, advice: str) -> None:
        self.http = http
        self._advice = advice

    @classmethod
    def at(cls, url: str, advice: str, token: str = "") -> Client:
        """A client of the coordinator at `url` that sends `token`, if any; large imports may take minutes."""
        is_local = httpx.URL(url).host in ("127.0.0.1", "localhost")
        timeout = httpx.Timeout(300.0, connect=5.0)
        http = httpx.Client(base_url=url, timeout=timeout, trust_env=not is_local, headers=bearer(token))
        return cls(http, advice)

    def get(self, path: str, **query: object) -> Json:
        """The JSON object at `path`; a query argument that is None is left out."""
        return self._object(self._send("GET", path, query=query))

    def text(self, path: str, **query: object) -> str:
        """The text at `path`."""
        return self._send("GET", path, query=query).text

    def items(self, path: str, **query: object) -> Iterator[Json]:
        """All items of a list, page by page."""
        cursor: object = None
        while True:
            page = self.get(path, **query, limit=PAGE, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def post(self, path: str, body: Mapping[str, object] | None = None, **query: object) -> Json:
        """Post a JSON object and return the one that is answered."""
        return self._object(self._send("POST", path, body=body, query=query))

    def delete(self, path: str) -> Json:
        """Delete what is at `path` and return the JSON object that is answered."""
        return self._object(self._send("DELETE", path, query={}))

    def _send(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None, query: Mapping[str, object]
    ) -> httpx.Response:
        parameters = {key.rstrip("_"): str(value) for key, value in query.items() if value is not None}
        try:
            answer = self.http.request(method, path, json=body, params=parameters)
        except httpx.TransportError as error:
            raise UnavailableError(
                f"no coordinator answers at {self.http.base_url} ({_in_short(error)}): {self._advice}"
            ) from error
        return raise_for_problem(answer)

    @staticmethod
    def _object(answer: httpx.Response) -> Json:
        try:
            body = answer.json()
        except ValueError as error:
            raise MorrowError(f"{answer.request.url} did not answer JSON: is this a coordinator?") from error
        if not isinstance(body, dict):
            raise MorrowError(f"{answer.request.url} did not answer a JSON object: is this a coordinator?")
        return body


def _in_short(error: Exception) -> str:
    return str(error).split("] ")[-1] or type(error).__name__


def error_lines(error: MorrowError, most: int = 20) -> list[str]:
    """An error for a person: its detail, then the fields at fault, at most `most` of them."""
    fields = [f"  {e.get('field', '')}: {e.get('message', '')}" for e in error.errors]
    shown = [line for line in fields[:most] if line.strip(" :") and line.strip() not in error.detail]
    more = [f"  … and {len(fields) - most} more"] if len(fields) > most else []
    return [error.detail, *shown, *more]
