"""The web server: checks who asks, gives out the page and joins its websocket with a console."""

from __future__ import annotations

import asyncio
import html
import json
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web

from triage.errors import TriageError
from triage.serve.gate import Gate, known_host, same_origin
from triage.serve.session import Session, session, sweep

HOST = "127.0.0.1"
_COOKIE = "triage"
_HERE = Path(__file__).parent
_BEAT = 20.0  # seconds between two signs of life of a browser
_MOST_TYPED = 1 << 20  # bytes of one message
_LEAVE = 20.0  # seconds for consoles to end when the server does
# Nothing but what this server gives out is loaded or connected to, nothing frames it, and no window
# is opened: a click on an address in a log leads nowhere. Styles may be the page's own, for where a
# browser has no WebGL (many a virtual machine's), xterm.js builds its screen of styled elements.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self';"
    " connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; sandbox allow-scripts allow-same-origin"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-read=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MISCALLED = (
    "This server is for browsers on its own machine: it answers to 127.0.0.1, localhost and [::1]"
    " alone.\nFrom elsewhere go through ssh: ssh -L 8000:127.0.0.1:PORT HOST"
)
_USED = (
    "This link was opened already. It opens the console once, in one browser, and that was it.\n"
    "Was it you? Then go on in that browser. Else, or for another browser: end `triage serve` with"
    " Ctrl+C\nand start it again; it prints a new link, and nothing is lost."
)
_NO_COOKIE = (
    "The console opens with the link that `triage serve` printed when it started, once.\n"
    "Was it opened already? Then go on in that browser, or start `triage serve` anew for a new one."
)
_FOREIGN = "The console is only for its own page: this request came from another."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves one console program to one browser, in any number of windows."""

    def __init__(self, command: Sequence[str], title: str, tell: Callable[[str], None]) -> None:
        """``command`` starts a console; ``title`` names the page; ``tell`` takes what whoever
        started the server should know."""
        self.gate = Gate()
        self._command = command
        self._title = title
        self._tell = tell
        self._open: set[web.WebSocketResponse] = set()
        place = self.gate.place
        self.app = web.Application(middlewares=[self._checked])
        self.app.router.add_get(place, self._page, allow_head=False)
        self.app.router.add_get(f"{place}ws", self._socket, allow_head=False)
        for name, path in _files().items():
            self.app.router.add_get(place + name, _gives(path), allow_head=False)
        self.app.on_shutdown.append(self._close)

    # Who asks -------------------------------------------------------------------------------------

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answer: web.StreamResponse | None = self._refusal(request)
        if answer is None:
            try:
                answer = await handler(request)
            except web.HTTPException as error:
                answer = _text(error.status, error.reason)
        if not answer.prepared:
            for name, value in _HEADERS.items():
                answer.headers.setdefault(name, value)
        return answer

    def _refusal(self, request: web.Request) -> web.Response | None:
        """What is answered instead of what was asked for; None where that may be given."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not known_host(hosts[0]):
            return _text(421, _MISCALLED)
        if "Origin" in request.headers and not _from_here(request):
            return _text(403, _FOREIGN)
        if self.gate.admits(request.cookies.get(_COOKIE, "")):
            return None
        if (request.method, request.path) != ("GET", self.gate.place):
            return _text(403, _NO_COOKIE)
        token = request.query.get("token", "")
        cookie = self.gate.take(token)
        if not cookie:
            return _text(403, _USED if token and self.gate.used else _NO_COOKIE)
        answer = _see(self.gate.place)
        answer.set_cookie(_COOKIE, cookie, path=self.gate.place, httponly=True, samesite="Strict")
        return answer

    # What there is --------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        if request.query_string:
            return _see(self.gate.place)  # the link again, in the browser that took it
        host = request.headers["Host"]
        page = (_HERE / "page.html").read_text("utf-8")
        text = page.format(
            title=html.escape(self._title),
            socket=html.escape(f"ws://{host}{self.gate.place}ws"),
        )
        policy = {"Content-Security-Policy": _POLICY.format(host=host)}
        return web.Response(text=text, content_type="text/html", headers=policy)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not _from_here(request):
            return _text(403, _FOREIGN)
        socket = web.WebSocketResponse(heartbeat=_BEAT, compress=False, max_msg_size=_MOST_TYPED)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            size = _cells(request.query.get("width", "")), _cells(request.query.get("height", ""))
            async with session(self._command, *size) as console:
                await self._join(socket, console)
        except OSError as error:
            self._tell(f"no console could be started: {error.strerror or error}")
        finally:
            self._open.discard(socket)
            await socket.close()
        return socket

    async def _join(self, socket: web.WebSocketResponse, console: Session) -> None:
        """Until the console or the page ends."""
        ways = [
            asyncio.create_task(self._paint(socket, console)),
            asyncio.create_task(_hear(socket, console)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ways:
                one.cancel()
            await asyncio.wait(ways)

    async def _paint(self, socket: web.WebSocketResponse, console: Session) -> None:
        with suppress(ConnectionError):  # the page is gone
            if said := await console.show(socket.send_bytes):
                self._tell(f"a console broke:\n{said}")

    async def _close(self, _app: web.Application) -> None:
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)


async def run(server: Server, port: int, ready: Callable[[str], None]) -> None:
    """Serve on ``port`` (0: a free one) until a signal ends it; ``ready`` gets the link.

    Raises TriageError where the port can not be had."""
    sweep()
    runner = web.AppRunner(server.app, access_log=None, shutdown_timeout=_LEAVE)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            raise TriageError(
                f"port {port} can not be used ({error.strerror}); choose another with --port"
            ) from error
        ready(f"http://{HOST}:{runner.addresses[0][1]}{server.gate.link}")
        stop = asyncio.Event()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            with suppress(NotImplementedError, AttributeError):  # Windows
                asyncio.get_running_loop().add_signal_handler(getattr(signal, name), stop.set)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _hear(socket: web.WebSocketResponse, console: Session) -> None:
    """Hand on what comes from the page, until it is closed or makes no sense."""
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            return
        try:
            kind, value = json.loads(message.data)
            if kind == "stdin":
                await console.typed(str(value))
            elif kind == "resize":
                await console.resized(int(value["width"]), int(value["height"]))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            continue  # "focus" has no value; nothing else is to be made of it


def _files() -> dict[str, Path]:
    """What the page loads, by name: textual-serve's terminal with its font, and our own."""
    spec = find_spec("textual_serve")
    static = Path(spec.origin or "").parent / "static" if spec else Path()
    fonts = static / "fonts"
    found = {
        "textual.js": static / "js" / "textual.js",
        "xterm.css": static / "css" / "xterm.css",
        "mono.ttf": fonts / "RobotoMono-VariableFont_wght.ttf",
        "mono-italic.ttf": fonts / "RobotoMono-Italic-VariableFont_wght.ttf",
        "page.css": _HERE / "page.css",
        "page.js": _HERE / "page.js",
    }
    for path in found.values():
        if not path.is_file():
            raise TriageError(f"{path}: not there; install again with: pip install 'triage[serve]'")
    return found


def _gives(path: Path) -> Handler:
    async def give(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return give


def _text(status: int, words: str) -> web.Response:
    return web.Response(status=status, text=f"{words}\n")


def _see(place: str) -> web.Response:
    return web.Response(status=303, headers={"Location": place})


def _from_here(request: web.Request) -> bool:
    return same_origin(request.headers.get("Origin", ""), request.headers.get("Host", ""))


def _cells(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 80
