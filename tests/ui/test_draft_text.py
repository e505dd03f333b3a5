"""The exception in the making as TOML: in an editor of one's own, and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.ui.helpers import NOW
from tests.ui.terminal import ConsoleTerminal
from triage.errors import TriageError
from triage.exceptions import Entry, load_exceptions
from triage.ui.conditions import Condition
from triage.ui.draft import DAY, Draft, Scope
from triage.ui.draft_text import draft_text, read_draft, written

HASH = Condition(Entry("process.hash.sha256", "match", ("9f2c",)), ticked=True)
USER = Condition(Entry("user.name", "match", ("svc_patch",)))
OWN = Condition(Entry("process.args", "wildcard", ("*/nightly*",)), ticked=True, added=True)
DRAFT = Draft((HASH, USER, OWN), Scope(("r1",)), NOW + 90 * DAY, "CHG-4411", "Patches")
NOWHERE = Path("nowhere")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_a_text_that_nobody_changed_is_the_draft() -> None:
    assert read_draft(draft_text(DRAFT), DRAFT, NOWHERE) == DRAFT
    assert written(draft_text(DRAFT))
    assert not written("# all of it deleted\n\n")
    new = replace(DRAFT, reason="", name="")
    assert 'comment = ""' in draft_text(new)
    assert read_draft(draft_text(new), new, NOWHERE) == new


@given(
    texts.map(str.strip).filter(bool),
    texts,
    texts,
    st.sampled_from(["match", "wildcard", "match_any"]),
)
def test_any_draft_comes_back_whole(field: str, value: str, reason: str, kind: str) -> None:
    one = Condition(Entry(field, kind, (value,)), ticked=True, added=True)
    draft = replace(DRAFT, conditions=(HASH, one), reason=reason)
    assert read_draft(draft_text(draft), draft, NOWHERE) == draft


def test_lines_of_the_text_are_ticked_and_proposals_stay() -> None:
    text = draft_text(DRAFT)
    text = text.replace("process.hash.sha256", "user.name").replace("9f2c", "svc_patch")
    text = text.replace("*/nightly*", "*/weekly*").replace('rules = ["r1"]', 'tags = ["T1218"]')
    found = read_draft(text, DRAFT, NOWHERE)
    assert found.scope == Scope((), ("T1218",))
    assert [(one.entry.values, one.ticked) for one in found.conditions] == [
        (("9f2c",), False),
        (("svc_patch",), True),
        (("*/weekly*",), True),
    ]
    assert found.reason == "CHG-4411"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("[[item]]", "[[item]", "line"),
        ('type = "match"', 'type = "mtach"', "mtach"),
        ("[[item]]", '[[item]]\nenabled = "no"', "enabled"),
        ("[[item]]", "[[item]]\nenabled = false", "can be changed here"),
        ("[[item]]", '[[item]]\nos_types = ["linux"]', "can be changed here"),
        ("expire_time = ", 'expire_time = "soon" # ', "is no time"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, wrong: str) -> None:
    with pytest.raises(TriageError, match=wrong):
        read_draft(draft_text(DRAFT).replace(old, new, 1), DRAFT, NOWHERE)


EDITOR = """#!/bin/sh
# The first time a mistake is made, the second time it is mended.
if grep -q 'type = "mtach"' "$1"; then
    sed -i 's/mtach/match/; s/^comment.*/comment = "CHG-4711"/' "$1"
else
    sed -i 's/type = "match"/type = "mtach"/' "$1"
fi
"""


def test_a_mistake_is_shown_and_the_text_goes_on_as_it_was_left(case: Path, tmp_path: Path) -> None:
    editor, lists = tmp_path / "editor", tmp_path / "lists"
    editor.write_text(EDITOR)
    editor.chmod(0o700)
    environment = {
        "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "TRIAGE_EDITOR": str(editor),
        "TMPDIR": str(tmp_path),
    }  # fmt: skip
    terminal = ConsoleTerminal([case, lists, Path("themes")], environment, 120, 36)
    try:
        terminal.wait("15:07:14")
        terminal.send("f\x05")
        terminal.wait("Not taken over")
        terminal.send("\x05")
        terminal.wait("CHG-4711")
        terminal.send("\x13")
        terminal.wait("saved to")
        terminal.send("q")
        assert terminal.end() == 0
    except BaseException:
        terminal.kill()
        raise
    [found] = load_exceptions(lists).lists
    assert found.items[0].comment == "CHG-4711"
    assert not list(tmp_path.glob("triage-*"))  # no text is left behind
