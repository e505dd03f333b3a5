"""What the console is done with is gone at once, without a look for what is in cycles."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.strip import Strip

from tests.ui.helpers import press, settled, until
from tests.ui.test_store import row
from triage.ui.app import Console
from triage.ui.arrangement import Arrangement
from triage.ui.strips import keep_out_of_cycles

Make = Callable[..., Console]


def strips() -> int:
    return sum(isinstance(one, Strip) for one in gc.get_objects())


def arrangements() -> list[Arrangement]:
    return [one for one in gc.get_objects() if isinstance(one, Arrangement)]


async def test_what_is_painted_over_is_gone_without_a_look_for_cycles(
    console: Make, case: Path
) -> None:
    app = console(case)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "j", "k")
        gc.collect()
        gc.disable()  # a console lets it look at what is old seldom
        try:
            before = strips()
            for _ in range(20):
                app.screen.refresh()
                for widget in app.screen.query("*"):
                    widget.refresh()
                await press(pilot, "j", "k")
            assert strips() - before < 100  # each of the twenty pictures is of some more
        finally:
            gc.enable()


async def test_what_is_arranged_in_vain_is_gone_too(console: Make, case: Path) -> None:
    app = console(case)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        store = app.desk.store
        store.update(row(n, host=f"H{n}") for n in range(30_000))
        gc.collect()
        gc.disable()
        try:
            for sort in ("rule", "host", "risk"):
                store.set_sort(sort)
                while sum(bool(one.keys) for one in arrangements()) < 2:
                    await asyncio.sleep(0)  # until it has begun, beside what is shown
            await until(pilot, lambda: not store.arranging and len(arrangements()) == 1)
        finally:
            gc.enable()
        assert store.sort == "risk"


@pytest.mark.parametrize("cuts", [(), (4,), (9,), (4, 9), (9, 12), (4, 12), (12,), (0, 9)])
def test_a_strip_divides_as_before(cuts: tuple[int, ...]) -> None:
    keep_out_of_cycles()
    strip = Strip([Segment("some "), Segment("text")])
    found = [one.text for one in strip.divide(cuts)]
    ends = [cut for cut in cuts if cut <= len("some text")]
    assert found == ["some text"[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    assert [one.text for one in strip.divide(cuts)] == found
