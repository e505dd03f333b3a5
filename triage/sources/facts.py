"""Facts: how ECS fields are made of an event's data, as a table; and the code that makes them.

A loop over the table would take longer than what it does. So of the facts that somebody needs a
function is written, once: of all of them to map events, of some to look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Fact(NamedTuple):
    """How fields are made of the values of an event's data."""

    of: tuple[str, ...]  # names of the value: it is the first of them that there is
    fields: tuple[str, ...]  # what comes of it; that of a later fact counts before an earlier one's
    # Makes of the text the value of the field, or those of several fields; None: as it is.
    make: Callable[..., Any] | None = None
    beside: tuple[str, ...] = ()  # names of what ``make`` is given too, None where there is none


class Script:
    """Lines of Python that make facts. They are written of numbered names alone, so that nothing
    but what ``load`` and ``store`` write gets into them."""

    def __init__(
        self,
        facts: Iterable[Fact],
        load: Callable[[str, str], Sequence[str]],
        store: Callable[[str, str], Sequence[str]],
    ) -> None:
        """``load`` gives the lines that set a variable to the value of a name, or to None;
        ``store`` those that take the value of a field, where there is one, from a variable.
        """
        self.lines: list[str] = []
        self.space: dict[str, Any] = {}
        self._load = load
        self._store = store
        self._loaded: dict[tuple[str, ...], str] = {}  # variables by the names of the value
        groups: dict[tuple[str, ...], list[Fact]] = {}
        for fact in facts:
            groups.setdefault(fact.of, []).append(fact)
        for of, together in groups.items():
            value = self._value(of)
            for name in {name: None for fact in together for name in fact.beside}:
                self._value((name,))
            self.lines.append(f"if {value} is not None:")
            for fact in together:
                self.lines += [f"    {line}" for line in self._made(fact, value)]

    def function(
        self, name: str, takes: str, before: Sequence[str], gives: str, after: Sequence[str] = ()
    ) -> Any:
        """The function of these lines, and some before and after them."""
        lines = [*before, *self.lines, *after, f"return {gives}"]
        code = "\n".join([f"def {name}({takes}):", *(f"    {line}" for line in lines)])
        exec(code, self.space)  # noqa: S102 - our own text: see the class
        return self.space[name]

    def _value(self, names: tuple[str, ...]) -> str:
        variable = self._loaded.get(names)
        if variable is None:
            one_by_one = [self._value((name,)) for name in names] if len(names) > 1 else []
            variable = self._loaded[names] = f"v{len(self._loaded)}"
            if one_by_one:
                *first, last = one_by_one
                chain = "".join(f"{one} if {one} is not None else " for one in first)
                self.lines.append(f"{variable} = {chain}{last}")
            else:
                self.lines += self._load(variable, names[0])
        return variable

    def _made(self, fact: Fact, value: str) -> list[str]:
        if fact.make is None:
            return [line for field in fact.fields for line in self._store(field, value)]
        make = f"m{len(self.space)}"
        self.space[make] = fact.make
        given = ", ".join([value, *(self._value((name,)) for name in fact.beside)])
        found = [f"x{at}" for at in range(len(fact.fields))]
        lines = [f"{', '.join(found)} = {make}({given})"]
        for field, one in zip(fact.fields, found, strict=True):
            lines.append(f"if {one} is not None:")
            lines += [f"    {line}" for line in self._store(field, one)]
        return lines
