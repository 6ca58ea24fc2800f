"""A client of one service at several addresses: the one that answered last is asked first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx

MAX_CONNECT_SECONDS = 5.0
"""Seconds to connect to an address."""


class Failover(httpx.BaseTransport):
    """Sends a request to the next address if one refuses the connection, since it then received nothing.

    A request that broke off may have been received: it raises, and only later requests go to the next address.
    """

    def __init__(self, addresses: Sequence[httpx.URL], inner: httpx.BaseTransport | None = None) -> None:
        self._addresses = list(addresses)
        self._inner = inner or httpx.HTTPTransport()
        self._at = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response of the first address that connects. Raises the last one's transport error if none does."""
        for left in reversed(range(len(self._addresses))):
            at = self._at
            try:
                return self._inner.handle_request(_sent_to(self._addresses[at], request))
            except httpx.TransportError as error:
                self._at = (at + 1) % len(self._addresses)
                if not left or not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    raise
        raise AssertionError("there is an address")

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def _sent_to(address: httpx.URL, request: httpx.Request) -> httpx.Request:
    url = request.url.copy_with(scheme=address.scheme, host=address.host, port=address.port)
    headers = request.headers.copy()
    headers["Host"] = url.netloc.decode()
    return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)


def client_of(urls: str, timeout: float, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """A client of a service at one or several URLs, separated by commas; `timeout` in seconds per call."""
    addresses = [httpx.URL(url.strip()) for url in urls.split(",") if url.strip()]
    return httpx.Client(
        base_url=addresses[0] if addresses else "",
        timeout=httpx.Timeout(timeout, connect=min(timeout, MAX_CONNECT_SECONDS)),
        headers=headers,
        transport=Failover(addresses) if len(addresses) > 1 else None,
    )
