"""Keys go in one after the other: each once all that the one before it brought about is there."""

from __future__ import annotations

from collections import deque
from time import monotonic

from textual import events
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.message import Message

_ROUNDS = 2  # in a row that a marker finds nothing changed: a key's effects have effects in turn
_RETRY = 0.02  # seconds between two looks at a screen that is not ready for keys


class TypedApp(App[None]):
    """An app in which nothing typed is lost, or goes where it was not meant.

    Textual hands a key to what has the focus at that moment, which may be long before the key
    before it has opened a dialog. Here a marker goes the way of each key, through the same queues;
    the next key waits until it is back, and finds the same screen and focus as when it went.
    """

    class Marker(Message):
        """Comes back to the app behind the key it follows."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._typed_at = monotonic()
        self._marker = 0  # number of the last one
        self.typed_ahead = False  # a key was let in, and is not known to be done with
        self._same = 0  # markers in a row that found nothing changed
        self._stood: object = None  # what has keys, when the marker went

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self._typed_at = monotonic()
            self._typed += self._apart(event)
            if not self.typed_ahead:
                self.typed_ahead = True
                await self._go_on()
        else:
            await super().on_event(event)

    @property
    def untouched(self) -> float:
        """For how many seconds nobody has typed."""
        return monotonic() - self._typed_at

    def takes_alt(self, key: str) -> bool:
        """Whether a key with alt means something of its own."""
        return False

    def _apart(self, event: events.Key | events.Paste) -> list[events.Key | events.Paste]:
        """Escape and a letter right behind it: to a terminal they are that letter with alt."""
        if isinstance(event, events.Key) and event.key.startswith("alt+"):
            letter = event.character
            if letter and not self.takes_alt(event.key):
                return [events.Key("escape", "\x1b"), events.Key(letter, letter)]
        return [event]

    async def _go_on(self) -> None:
        """Let in what was typed next, where the screen is ready for it."""
        if not getattr(self.screen, "takes_keys", True):
            self._drop_before_escape()
        if not self._typed:
            self.typed_ahead = False
        elif getattr(self.screen, "takes_keys", True) or _is_escape(self._typed[0]):
            await super().on_event(self._typed.popleft())
            self._same = 0
            self._send_marker()
        else:
            self.set_timer(_RETRY, self._go_on)

    def _drop_before_escape(self) -> None:
        """Whoever leaves a screen that is not there yet does not mean it any more."""
        if any(map(_is_escape, self._typed)):
            while not _is_escape(self._typed[0]):
                self._typed.popleft()

    def _send_marker(self) -> None:
        self._marker += 1
        self._stood = self._has_keys()
        (self.focused or self.screen).post_message(self.Marker(self._marker))

    def _has_keys(self) -> object:
        return self.focused, self.screen, len(self.screen_stack)

    async def on_typed_app_marker(self, message: Marker) -> None:
        """The key's own way is gone; what it set off may be under way."""
        if message.number != self._marker:
            return
        self._same = self._same + 1 if self._stood == self._has_keys() else 0
        if self._same < _ROUNDS:
            self._send_marker()
        else:
            await self._go_on()

    def pop_screen(self) -> AwaitComplete:
        """Leave a screen; a marker that is on its way through it will not come back."""
        going = super().pop_screen()
        if self.typed_ahead:
            self._same = 0
            self._send_marker()
        return going


def _is_escape(event: events.Event) -> bool:
    return isinstance(event, events.Key) and event.key == "escape"
