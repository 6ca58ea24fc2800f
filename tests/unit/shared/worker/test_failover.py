"""One service at several addresses."""

from __future__ import annotations

import httpx
import pytest

from shared.worker.failover import Failover, client_of

A, B = "http://a:8700", "http://b:8701"


class Hosts:
    """Two hosts, of which some take no connection, or break off."""

    def __init__(self, **down: type[httpx.TransportError]) -> None:
        self.down = down
        self.tried: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.tried.append(request.url.host)
        if error := self.down.get(request.url.host):
            raise error("down", request=request)
        return httpx.Response(200, text=f"{request.headers['host']} {request.read().decode()}")

    def client(self) -> httpx.Client:
        transport = Failover([httpx.URL(A), httpx.URL(B)], httpx.MockTransport(self.answer))
        return httpx.Client(base_url=A, transport=transport)


def test_the_first_is_asked_as_long_as_it_answers() -> None:
    hosts = Hosts()
    client = hosts.client()
    assert [client.post("/x", content=b"body").text for _ in range(2)] == ["a:8700 body"] * 2


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout])
def test_where_nobody_listens_the_next_is_asked_the_same_and_first_from_then_on(
    error: type[httpx.TransportError],
) -> None:
    hosts = Hosts(a=error)
    client = hosts.client()
    assert [client.post("/x", content=b"body").text for _ in range(2)] == ["b:8701 body"] * 2
    assert hosts.tried == ["a", "b", "b"]


def test_a_request_that_broke_off_is_not_sent_twice_but_the_next_goes_elsewhere() -> None:
    hosts = Hosts(a=httpx.ReadError)
    client = hosts.client()
    with pytest.raises(httpx.ReadError):
        client.post("/x")
    assert client.post("/x").is_success
    assert hosts.tried == ["a", "b"]


def test_without_any_that_answers_it_fails_and_begins_anew_later() -> None:
    hosts = Hosts(a=httpx.ConnectError, b=httpx.ConnectError)
    client = hosts.client()
    with pytest.raises(httpx.ConnectError):
        client.get("/x")
    hosts.down.clear()
    assert client.get("/x").is_success
    assert hosts.tried == ["a", "b", "a"]


@pytest.mark.parametrize("urls", [A, f"{A}, {B}", f"{A},"])
def test_the_setting_names_one_address_or_several(urls: str) -> None:
    client = client_of(urls, 60, {"Authorization": "Bearer x"})
    assert (str(client.base_url), client.timeout.connect, client.timeout.read) == (f"{A}", 5.0, 60.0)
    assert client.headers["authorization"] == "Bearer x"
