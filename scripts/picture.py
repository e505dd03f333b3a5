"""Draw the README's picture: the real console on the sample logs. Run from the checkout:

.venv-test/bin/python scripts/picture.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.ui.helpers import Clock, hunt_into, press, settled
from triage.ui.app import Console


async def draw(case: Path, picture: Path) -> None:
    """Open the console on ``case``, filter to one host, show its process tree, save the SVG."""
    app = Console(
        str(case),
        roots=["samples/logs"],
        exceptions=case.parent / "exceptions",
        themes_in=[Path("themes")],
        engine=None,
        who="l.brandt",
        clock=Clock(),
    )
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "j", "j", "j", "j", "j", "j", "j", "j", "j", "j", "2")
        picture.write_text(app.export_screenshot(title="triage watch samples/logs"), "utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "samples.triage"
        hunt_into(case, ["samples/logs"], [Path("rules")])
        asyncio.run(draw(case, Path("docs/console.svg")))


if __name__ == "__main__":
    main()
