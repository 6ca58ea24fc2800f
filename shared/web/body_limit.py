"""Refuse a request whose body is too large before it is parsed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import InvalidInputError, TooLargeError
from shared.web.problems import problem_response


class BodyLimit:
    """ASGI middleware: a body above the limit is answered with 413 as soon as that is known, and never parsed.

    `limit` is in bytes, or returns them for a request; `cure` ends the error message. A declared length is checked
    before the body is read, a chunked body as its chunks arrive.
    """

    def __init__(self, app: ASGIApp, limit: int | Callable[[Scope], int], cure: str) -> None:
        self._app = app
        self._limit = limit
        self._cure = cure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit if isinstance(self._limit, int) else self._limit(scope)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit():
            await problem_response(InvalidInputError("Content-Length: it is no number"))(scope, receive, send)
            return
        read: deque[Message] = deque()
        size, more = 0, True
        while more and max(size, int(declared)) <= limit:
            message = await receive()
            read.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        if max(size, int(declared)) > limit:
            error = TooLargeError(f"body: above {limit} bytes; {self._cure}")
            await problem_response(error, {"Connection": "close"})(scope, receive, send)
            return

        async def replay() -> Message:
            return read.popleft() if read else await receive()

        await self._app(scope, replay, send)
