"""The tables of promises in docs/ and the tests of them: neither without the other."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(("page", "letter"), [("following", "F"), ("threats", "T")])
def test_every_row_has_a_test_and_every_such_test_a_row(page: str, letter: str) -> None:
    table = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    rows = re.findall(rf"^\| ({letter}\d+) \|", table, re.MULTILINE)
    one = letter.lower()
    named = re.compile(rf"^(?:async )?def test_((?:{one}\d+_)+)", re.MULTILINE)
    tested = {
        id_.upper()
        for path in (ROOT / "tests").rglob("test_*.py")
        for ids in named.findall(path.read_text("utf-8"))
        for id_ in ids.strip("_").split("_")
    }
    assert rows == sorted(set(rows), key=lambda row: int(row[1:]))
    assert tested == set(rows)
