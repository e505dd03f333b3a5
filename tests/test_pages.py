"""What the console can do has a page each, with a picture, and a test that runs what it says."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

# Each page with the test that keeps it true.
PAGES = {
    "queue": "tests/test_queue_page.py",
    "risk": "tests/test_decide_pages.py",
    "alert-in-depth": "tests/test_depth_pages.py",
    "guide": "tests/test_depth_pages.py",
    "decisions-and-audit": "tests/test_decide_pages.py",
    "exceptions": "tests/test_exceptions_page.py",
    "rules": "tests/ui/test_rules_page.py",
    "hand-over": "tests/export/test_page.py",
    "manners": "tests/test_manners_page.py",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_a_picture_and_a_test(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", text)
    assert pictures
    for words, target in pictures:
        assert words
        assert (ROOT / "docs" / target).stat().st_size > 1_000
    assert page in (ROOT / PAGES[page]).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_keys_of_a_page_are_those_of_the_table(page: str) -> None:
    """Every letter written as a key does something in the console."""
    from triage.ui.keys import ACTIONS

    shown = {word for action in ACTIONS for word in action.shown.split()}
    told = {key for action in ACTIONS for key in action.keys.split(",")} | shown
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for found in re.findall(r"(?<!`)`([A-Za-z])`(?!`)", text):
        assert found in told, f"{found} is no key"
