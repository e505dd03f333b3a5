"""The console in a browser: a small web server on this machine alone, and consoles behind it.

A browser's page is a terminal. What is typed there goes through a websocket to a console that runs
as a process of its own, and what that paints comes back; the server reads neither. The page's
terminal is textual-serve's; server and checks are ours, for that one has none and loads its font
from elsewhere.
"""

from __future__ import annotations

from importlib.util import find_spec

from triage.errors import TriageError


def check_installed() -> None:
    """Raises TriageError, with what to do, where the server's libraries are missing."""
    missing = [name for name in ("aiohttp", "textual_serve") if find_spec(name) is None]
    if missing:
        raise TriageError(
            f"the console in a browser needs {' and '.join(missing)}, which"
            f" {'is' if len(missing) == 1 else 'are'} not installed;"
            ' install with: pip install "triage[serve]"'
        )
