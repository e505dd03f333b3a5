"""The gate: who gets to the console. The link's token works once, then a cookie counts."""

from __future__ import annotations

import hmac
import secrets

# What a browser on this machine, or one that comes through an ssh tunnel, calls the server. Any
# other name is somebody else's that was made to point here (DNS rebinding). The port may differ: a
# tunnel has one of its own.
NAMES = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """One link, one browser."""

    def __init__(self) -> None:
        # The console lies below a path that nobody can guess, and the cookie is for that path:
        # browsers send cookies to all ports of a host, and others may serve something on theirs.
        self.place = f"/{secrets.token_hex(8)}/"
        self._token = secrets.token_urlsafe(32)
        self._cookie = secrets.token_urlsafe(32)
        self._used = False

    @property
    def link(self) -> str:
        """Path and query of the link, to be opened once."""
        return f"{self.place}?token={self._token}"

    @property
    def used(self) -> bool:
        """Whether the link was opened."""
        return self._used

    def take(self, token: str) -> str:
        """The cookie in exchange for the token, the first time; "" otherwise."""
        if self._used or not _same(token, self._token):
            return ""
        self._used = True
        return self._cookie

    def admits(self, cookie: str) -> bool:
        """Whether it is the cookie that the link was exchanged for."""
        return self._used and _same(cookie, self._cookie)


def known_host(host: str) -> bool:
    """Whether a request's Host header calls this server by one of NAMES."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        name = host
    return name.lower() in NAMES and (not colon or (port.isascii() and port.isdigit()))


def same_origin(origin: str, host: str) -> bool:
    """Whether a request with this Origin header comes from a page of this server, which the browser
    called ``host``."""
    return origin == f"http://{host.lower()}"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
