"""The table of promises in docs/following.md and the tests of them: neither without the other."""

from __future__ import annotations

import re

from tests.conftest import ROOT


def test_every_row_has_a_test_and_every_such_test_a_row() -> None:
    table = (ROOT / "docs" / "following.md").read_text("utf-8")
    rows = re.findall(r"^\| (F\d\d) \|", table, re.MULTILINE)
    tested = {
        name.upper()
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def test_(f\d\d)_", path.read_text("utf-8"), re.MULTILINE)
    }
    assert rows == sorted(set(rows))
    assert tested == set(rows)
