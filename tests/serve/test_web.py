"""What the server gives to whom: a real server on a free port, asked by a real client."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import aiohttp
import pytest

from triage.errors import TriageError
from triage.serve.web import HOST, Server, run

BROKEN = [sys.executable, "-c", "raise SystemExit('no \\x1b[31mscreen')"]


@asynccontextmanager
async def serving(command: Sequence[str] = BROKEN) -> AsyncIterator[tuple[str, list[str]]]:
    """The link, and what the server tells."""
    told: list[str] = []
    server = Server(command, "triage · <logs>", told.append)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(server, 0, ready.set_result))
    try:
        yield await ready, told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # a browser keeps cookies of an address, too
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


def origin_of(link: str) -> str:
    return f"http://{urlsplit(link).netloc}"


def place_of(link: str) -> str:
    return link.partition("?")[0]


async def test_t19_the_link_opens_once_and_leaves_a_cookie(client: aiohttp.ClientSession) -> None:
    async with serving() as (link, _), client.get(link, allow_redirects=False) as first:
        assert first.status == 303
        cookie = first.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        assert f"Path={urlsplit(link).path}" in cookie
        assert urlsplit(link).path != "/"
        async with client.get(place_of(link)) as page:  # with the cookie
            assert page.status == 200
        async with client.get(link) as again:  # in the browser that took it
            assert again.status == 200
            assert str(again.url) == place_of(link)
        async with aiohttp.ClientSession() as other, other.get(link) as second:
            assert second.status == 403
            assert "Set-Cookie" not in second.headers
            words = await second.text()
            assert "opened already" in words
            assert "Ctrl+C" in words
            assert "start it again" in words


async def test_nothing_but_the_link_opens(client: aiohttp.ClientSession) -> None:
    async with serving() as (link, _):
        place = place_of(link)
        async with client.head(link) as looked:  # what previews a link must not use it up
            assert looked.status == 403
        async with client.post(link) as sent:
            assert sent.status == 403
        for address in (
            *(f"{origin_of(link)}/", f"{origin_of(link)}/favicon.ico", place, f"{place}ws"),
            *(
                f"{place}textual.js",
                f"{place}?token=",
                f"{place}?token=x",
                link.replace("/?", "/x?"),
            ),
        ):
            async with client.get(address) as answer:
                assert answer.status == 403, address
                assert "Set-Cookie" not in answer.headers
                assert "link that `triage serve` printed" in await answer.text()
        async with client.get(link) as page:
            assert page.status == 200
        async with client.post(place) as sent:  # there is nothing to send
            assert sent.status == 405


async def test_t19_another_name_is_refused_and_spends_no_token(
    client: aiohttp.ClientSession,
) -> None:
    async with serving() as (link, _):
        for host in (
            "evil.example",
            f"evil.example:{urlsplit(link).port}",
            "127.0.0.1.evil.example",
        ):
            async with client.get(link, headers={"Host": host}) as answer:
                assert answer.status == 421
                assert "127.0.0.1" in await answer.text()
        async with client.get(link, headers={"Host": "localhost:9000"}) as page:  # a tunnel's end
            assert page.status == 200
            assert f"ws://localhost:9000{urlsplit(link).path}ws" in await page.text()


async def test_a_request_without_a_host_is_refused() -> None:
    async with serving() as (link, _):
        reader, writer = await asyncio.open_connection(HOST, urlsplit(link).port)
        target = link.removeprefix(origin_of(link))
        writer.write(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        assert b" 421 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "https://{netloc}"]
)
async def test_t19_the_websocket_is_for_the_page_alone(
    origin: str | None, client: aiohttp.ClientSession
) -> None:
    async with serving() as (link, told):
        await client.get(link)
        headers = {"Origin": origin.format(netloc=urlsplit(link).netloc)} if origin else {}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{place_of(link)}ws", headers=headers)
        assert refused.value.status == 403
        assert told == []  # no console was begun


async def test_the_websocket_needs_the_cookie(client: aiohttp.ClientSession) -> None:
    async with serving() as (link, told):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{place_of(link)}ws", headers={"Origin": origin_of(link)})
        assert refused.value.status == 403
        assert told == []


async def test_a_console_that_breaks_is_told_and_closes_the_page(
    client: aiohttp.ClientSession,
) -> None:
    async with serving() as (link, told):
        await client.get(link)
        page = await client.ws_connect(f"{place_of(link)}ws", headers={"Origin": origin_of(link)})
        assert (await page.receive()).type == aiohttp.WSMsgType.CLOSE
        assert told == ["a console broke:\nno \x1b[31mscreen"]


async def test_all_that_the_page_loads_comes_from_here(client: aiohttp.ClientSession) -> None:
    async with serving() as (link, _):
        async with client.get(link) as page:
            text = await page.text()
            policy = page.headers["Content-Security-Policy"]
            assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "<title>triage · &lt;logs&gt;</title>" in text
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == "'self'"
        assert all("http" not in allowed for allowed in rules.values())
        names = re.findall(r'(?:href|src)="([^".]+\.[a-z]+)"', text)
        assert len(names) == 4
        async with client.get(place_of(link) + "page.css") as style:
            names += re.findall(r'url\("(.+?)"\)', await style.text())
        assert len(names) == 6
        for name in names:
            assert re.fullmatch(r"[a-z-]+\.[a-z]+", name)  # beside the page
            async with client.get(place_of(link) + name) as file:
                assert file.status == 200
                assert file.headers["X-Content-Type-Options"] == "nosniff"
                assert len(await file.read()) > 100


async def test_a_port_in_use_is_said() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TriageError, match=f"port {port} can not be used.*--port"):
            await run(Server(BROKEN, "", print), port, print)
