"""Who gets in: one link, one browser, by no name but ours."""

from __future__ import annotations

import pytest

from triage.serve.gate import Gate, known_host, same_origin


def token_of(gate: Gate) -> str:
    return gate.link.partition("?token=")[2]


def test_a_token_gives_one_cookie_once() -> None:
    gate = Gate()
    assert not gate.take("")
    assert not gate.take(token_of(Gate()))
    assert not gate.used
    cookie = gate.take(token_of(gate))
    assert cookie
    assert gate.used
    assert not gate.take(token_of(gate))
    assert gate.admits(cookie)
    assert not gate.admits("")
    assert not gate.admits("ü" + cookie)
    assert not gate.admits(token_of(gate))


def test_no_cookie_counts_before_the_link_was_opened() -> None:
    gate = Gate()
    assert not gate.admits(gate._cookie)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LocalHost", "[::1]", "[::1]:8000"]
)
def test_hosts_that_are_this_machine(host: str) -> None:
    assert known_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ":", ":8000", "evil.example", "evil.example:8000", "127.0.0.1.evil.example"),
        *("localhost.evil.example:8000", "localhost.", "0", "127.0.0.2", "[::]", "::1"),
        *("127.0.0.1:", "127.0.0.1:80a", "127.0.0.1:8000:8000", "127.0.0.1:²", "user@127.0.0.1"),
    ],
)
def test_hosts_that_are_somebody_else(host: str) -> None:
    assert not known_host(host)


def test_only_our_own_page_is_of_our_origin() -> None:
    assert same_origin("http://localhost:8000", "LocalHost:8000")
    for origin in (
        *("", "null", "http://localhost", "http://localhost:8001", "http://127.0.0.1:8000"),
        *("https://localhost:8000", "http://localhost:8000/", "http://localhost:8000.evil.example"),
    ):
        assert not same_origin(origin, "localhost:8000")
