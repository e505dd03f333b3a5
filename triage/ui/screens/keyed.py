"""A screen whose keys are in the key table: its help, its palette and its footer's clicks."""

from __future__ import annotations

from collections.abc import Sequence

from textual.screen import Screen, ScreenResultType

from triage.ui import keymap, keys
from triage.ui.bars import KeyBar
from triage.ui.screens.palette import Palette
from triage.ui.tour import Tour, TourStrip


class KeyedScreen(Screen[ScreenResultType]):
    """What can be done here is told, found by name and clicked."""

    @property
    def takes_keys(self) -> bool:
        """Whether there is something yet for a key to work on; what is typed waits for it."""
        return True

    def scopes(self) -> Sequence[str]:
        """The scopes of the key table that work here, with what has the focus."""
        ids = {one.binding.id or "" for one in self.active_bindings.values()}
        found = {name.partition(":")[0] for name in ids}
        return [scope for scope in keys.SCOPES if scope in found]

    def on_screen_resume(self) -> None:
        """Where a tour is made, its step stands over the keys of every screen."""
        tour = getattr(self.app, "tour", None)
        if isinstance(tour, Tour):
            self.call_after_refresh(self._show_tour, tour)

    async def _show_tour(self, tour: Tour) -> None:
        if not self.query(TourStrip):
            await self.mount(TourStrip(tour), before=self.query_one(KeyBar))
        self.query_one(TourStrip).tell()

    async def do(self, method: str) -> None:
        """Do an action of the key table: the screen's own, else that of what has the focus."""
        own = method.startswith("app.") or hasattr(self, f"action_{method}")
        await (self if own or self.focused is None else self.focused).run_action(method)

    async def on_key_bar_clicked(self, message: KeyBar.Clicked) -> None:
        message.stop()
        await self.do(message.action.method)

    def action_help(self) -> None:
        from triage.ui.screens.help import Help  # a sheet is a screen of this kind

        self.app.push_screen(Help(self.scopes(), keymap.of(self.app)))

    def action_palette(self) -> None:
        scopes = set(self.scopes())
        own = keymap.of(self.app)
        found = [own.real(one) for one in keys.ACTIONS if one.palette and scopes & set(one.scopes)]

        async def run(method: str | None) -> None:
            if method:
                await self.do(method)

        self.app.push_screen(Palette(found), run)
