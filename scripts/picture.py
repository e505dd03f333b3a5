"""Draw the pictures of README and docs: the real console on the sample logs. Run from the checkout:

.venv-test/bin/python scripts/picture.py             all of them
.venv-test/bin/python scripts/picture.py risk        docs/risk.svg alone
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import DETECTIONS
from tests.ui.helpers import Clock, hunt_into, press, settled
from triage.ui.app import Console

# What is pressed for each, and with which rules the logs are read.
PICTURES: dict[str, tuple[Sequence[str], Sequence[Path]]] = {
    "console": (["j"] * 10 + ["2"], DETECTIONS),
    "queue": (["b", "j", "z"], DETECTIONS),
    "exceptions": (["j", "f"], DETECTIONS),
    "timeline": (["j"] * 10 + ["T"], DETECTIONS),
    "guide": (
        [*["j"] * 10, "enter", "6", "z", "space", "j", "j", "enter", "n", "j", "enter", "x"],
        DETECTIONS,
    ),
    "risk": (["B", "space", "j", "j", "space"], [Path("rules")]),
    "matrix": (["M"], [Path("rules")]),
    "manners": (["j", "enter"], DETECTIONS),
    "journal": (
        [*"ajcbkm", *"owner", "space", *"asked", "enter", "space", "space", "c", "d", "u", "J"],
        DETECTIONS,
    ),
}
TOUR = {"manners"}  # drawn with the tour of the first start


async def draw(case: Path, picture: Path, keys: Sequence[str], tour: bool) -> None:
    """Open the console on ``case``, press the keys, save the SVG."""
    app = Console(
        str(case),
        roots=["samples/logs"],
        exceptions=Path("exceptions"),
        themes_in=[Path("themes")],
        engine=None,
        who="l.brandt",
        clock=Clock(),
        tour=tour,
    )
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, *keys)
        app.clear_notifications()
        await settled(pilot)
        picture.write_text(app.export_screenshot(title="triage watch samples/logs"), "utf-8")


def main(names: Sequence[str]) -> None:
    for name in names or PICTURES:
        keys, rules = PICTURES[name]
        with tempfile.TemporaryDirectory() as folder:
            case = Path(folder) / "samples.triage"
            hunt_into(case, ["samples/logs"], rules)
            asyncio.run(draw(case, Path("docs", f"{name}.svg"), keys, name in TOUR))


if __name__ == "__main__":
    main(sys.argv[1:])
