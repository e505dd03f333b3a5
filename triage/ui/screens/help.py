"""Help: the keys of the screen it was asked on, or of all screens."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from triage.ui import keys
from triage.ui.keymap import Keymap
from triage.ui.lines_view import LinesView
from triage.ui.screens.pager import Pager
from triage.ui.screens.sheets import help_lines


class Help(Pager):
    """The keys of some scopes; asked again, of all."""

    def __init__(self, scopes: Sequence[str], own: Keymap) -> None:
        super().__init__("", ())
        self._scopes = tuple(scopes)
        self._own = own
        self._all = False
        self._tell()

    def _tell(self) -> None:
        again = self._own.real(keys.BY_ID["help"]).shown
        other = "those of this screen" if self._all else "all keys"
        self._heading = f"{'All keys' if self._all else 'Keys of this screen'} · {again} {other}"
        scopes = keys.SCOPES if self._all else self._scopes
        self._lines = tuple(help_lines(scopes, self._own))

    def action_help(self) -> None:
        """The other of the two."""
        self._all = not self._all
        self._tell()
        view = self.query_one("#sheet", LinesView)
        view.border_title = Content(self._heading)
        view.show(self._lines, keep=False)
