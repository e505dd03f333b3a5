"""What a log says reaches the terminal only in escaped form, whatever it says and wherever."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.ui.helpers import hunt_into
from tests.ui.terminal import SEQUENCE, ConsoleTerminal, kind, plain

pytestmark = pytest.mark.xdist_group("terminal")  # one walk serves all of its tests

# C0, C1, OSC 0, 8 and 52, DCS, CSI, DEL, bidi, zero width, separators, tags, and Textual's markup.
HOSTILE = (
    "PWN\x1b]0;PWNTITLE\x07\x1b]8;;http://pwn.example\x1b\\link\x1b]52;c;UFdO\x07\x1bP+qPWN\x1b\\"
    "\x1b[31mred\x1b[2J\x9b31m\x90pwn\x9c\x9d0;pwn\x9c\x00\x05\x07\x08\x0b\x0c\x0e\x7f\r\n\t"
    "\u202egnp.exe\u2066\u2069\u200b\u200d\u2028\u2029\ufeff\u061c\U000e0041"
    "[@click=app.quit]x[/][/ [/] [bold]b[/bold] [link=http://pwn.example]l[/link] {escape}"
)
HARMLESS = "PWN harmless text, about as long as the other one, with nothing in it to obey " * 3
RULE = """
[metadata]
creation_date = "2026/01/01"
maturity = "production"
updated_date = "2026/01/01"

[rule]
author = [{text}]
description = {text}
false_positives = [{text}]
from = "now-9m"
index = ["logs-*"]
language = "eql"
license = "Apache-2.0"
name = {text}
note = {note}
references = [{text}]
risk_score = 73
rule_id = "0c1ba6cc-0000-4000-8000-000000000001"
severity = "high"
tags = [{text}]
type = "eql"
query = '''
sequence by process.entity_id
  [process where process.command_line : "*PWN*"]
  [network where destination.port == 443]
'''

[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0005"
name = {text}
reference = {text}
[[rule.threat.technique]]
id = {text}
name = {text}
reference = {text}

[triage.risk]
impact = 80
confidence = 90
message = "{{{{process.command_line}}}}"
objects = [{{ field = "user.name", type = "user", score = 10 }}]
threat_objects = [{{ field = "process.parent.name", type = "process_name" }}]

[[triage.drilldown]]
name = "others of {{{{user.name}}}}"
query = "any where user.name == {{{{user.name}}}}"
window = "7d"
"""


def events(text: str) -> list[dict[str, object]]:
    """A process, what it starts and whom it calls; every text of it is ``text``."""
    host = {"name": f"h {text}", "os": {"type": "windows"}, "ip": [f"i {text}"]}
    user = {"name": f"u {text}", "domain": f"d {text}"}
    parent = {"name": f"pn {text}", "executable": f"pe {text}", "pid": 7, "entity_id": "e0",
              "command_line": f"pc {text}"}  # fmt: skip
    process = {
        "name": f"n {text}", "executable": f"C:\\{text}", "command_line": f"c {text}", "pid": 8,
        "entity_id": "e1", "parent": parent, "hash": {"sha256": f"hash {text}"},
        "pe": {"original_file_name": f"o {text}"},
        "code_signature": {"subject_name": f"s {text}", "trusted": True, "exists": True},
    }  # fmt: skip
    base = {"host": host, "user": user, "process": process, "message": text, f"own.{text}": text}
    stamp = "2026-03-12T12:00:0{}.000Z"
    found: list[dict[str, object]] = [
        {**base, "event": {"kind": "event", "category": ["process"], "type": ["start"],
                           "action": text, "code": text}},
        {**base, "event": {"kind": "event", "category": ["network"], "type": ["start"]},
         "network": {"direction": text, "transport": text},
         "destination": {"ip": text, "domain": text, "port": 443}},
        {**base, "event": {"kind": "event", "category": ["network"], "type": ["info"]},
         "dns": {"question": {"name": text}, "resolved_ip": [text]}},
        {**base, "event": {"kind": "event", "category": ["registry"], "type": ["change"]},
         "registry": {"path": text, "data": {"strings": [text]}}},
        {**base, "event": {"kind": "event", "category": ["file"], "type": ["creation", text]},
         "file": {"path": text, "name": text}},
        {**base, "event": {"kind": "event", "category": ["process"], "type": ["start"]},
         "process": {**process, "entity_id": "e2", "pid": 9, "command_line": f"child {text}",
                     "parent": {**process, "parent": None}}},
    ]  # fmt: skip
    return [{"@timestamp": stamp.format(at), **event} for at, event in enumerate(found)]


def toml(text: str) -> str:
    """A TOML string that means ``text``."""
    plain_ = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in text)
    return f'"{plain_}"'


def place(folder: Path, text: str) -> list[Path]:
    """Case, exception folder and theme folders, all of them full of ``text``."""
    # What a path can hold of it: neither NUL nor slash, and not too long.
    word = text.replace("/", "").replace("\x00", "")[:60]
    logs, rules, themes = folder / f"logs {word}", folder / "rules", folder / f"themes {word}"
    exceptions = folder / "exceptions"
    for one in (logs, rules, themes, exceptions):
        one.mkdir(parents=True)
    quoted = toml(text)
    note = toml(
        f"## Triage and analysis\n\n{text}\n\n### Possible investigation steps\n\n"
        f"- look {text}\n\n### Response and remediation\n\n- isolate {text}\n"
    )
    (rules / "pwn.toml").write_text(RULE.format(text=quoted, note=note))
    (rules / f"broken {word}.toml").write_text(f"[rule]\nname = {quoted}\nquery = [{quoted}\n")
    lines = [json.dumps(event) for event in events(text)]
    broken = b'{"broken": "' + text.encode("utf-8", "surrogatepass") + b"\xff\xfe\n"
    (logs / f"{word}.ndjson").write_bytes("\n".join(lines).encode() + b"\n" + broken)
    (themes / f"{word}.toml").write_text(f"name = {quoted}\n")
    case = folder / "own.triage"
    hunt_into(case, [str(logs)], [rules])
    return [case, exceptions, Path("themes"), themes]


# What is pressed, and what must have been painted before the next key.
WALK: tuple[tuple[str, str], ...] = (
    ("", "Alerts 1 of 1"),
    ("2", "▶ n PWN"),
    ("3", "Connections"),
    ("4", "12:00:0"),
    ("5", "TA0005"),
    ("6", "investigation steps"),
    ("1", "reason"),
    ("r", "Search"),
    ("G", "• "),
    ("q", "Alerts 1 of 1"),
    ("v", "Matched events"),
    ("G", "Search"),
    ("q", "Alerts 1 of 1"),
    ("!", "Health"),
    ("G", "broken"),
    ("q", "Alerts 1 of 1"),
    ("?", "Keys"),
    ("q", "Alerts 1 of 1"),
    ("T", "Timeline"),
    ("q", "Alerts 1 of 1"),
    ("B", "24 hours and 7 days"),
    ("q", "Alerts 1 of 1"),
    ("J", "Journal"),
    ("q", "Alerts 1 of 1"),
    ("O", "response steps"),
    ("q", "Alerts 1 of 1"),
    ("X", "xception"),
    ("q", "Alerts 1 of 1"),
    ("R", "Rules"),
    ("q", "Alerts 1 of 1"),
    ("M", "ATT&CK"),
    ("q", "Alerts 1 of 1"),
    ("b", "in 1 group"),
    ("bbbbb", "Alerts 1 of 1 "),
    ("y", "copied"),
    ("Y", "copied"),
    ("p", "same host"),
    ("h", "1 of 1"),
    ("\x1b[27u", "to filter"),
    ("a", "acknowledged · u"),
    ("u", "undone"),
    ("m", "Note on"),
    ("noted\r", "noted · u"),
    ("\r", "6 in ±5 m"),
    ("4", "Related"),
    ("\r", "Event 12:00:00"),
    ("G", "Search"),
    ("y", "copied"),
    ("q", "alert 1/1"),
    ("2", "tree"),
    ("\r", "pid         8"),
    ("q", "alert 1/1"),
    ("z", "Process tree"),
    ("z", "1 Overview"),
    ("q", "Alerts 1 of 1"),
    ("f", "would have hidden"),
    ("\x13", "A reason is required"),
    ("because\r", "fp (false positive)"),
    ("u", "undone"),
    (":", "a few letters"),
    ("theme\r", "theme triage-light"),
    ("e", "Alerts 1 of 1"),
)


def take_a_walk(folder: Path, text: str) -> bytes:
    """Everything the terminal was told on a walk through the whole console."""
    given = place(folder, text)
    environment = {"TERM": "xterm-256color", "TRIAGE_EDITOR": "true"}
    terminal = ConsoleTerminal(given, environment, 120, 36)
    try:
        for keys, painted in WALK:
            if keys:
                terminal.send(keys)
            terminal.wait(painted)
        terminal.resize(80, 24)
        terminal.send("6")
        terminal.wait("6 Response")
        terminal.send("q")
        terminal.wait("Alerts 1 of 1")
        terminal.send("q")
        assert terminal.end() == 0
    except BaseException:
        terminal.kill()
        raise
    return bytes(terminal.output)


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_COLOR", raising=False)
        hostile = take_a_walk(tmp_path_factory.mktemp("hostile"), HOSTILE)
        harmless = take_a_walk(tmp_path_factory.mktemp("harmless"), HARMLESS)
    return hostile, harmless


def test_t1_hostile_text_adds_no_kind_of_sequence(walks: tuple[bytes, bytes]) -> None:
    hostile, harmless = (
        {kind(match) for match in SEQUENCE.finditer(output.decode())} for output in walks
    )
    assert hostile <= harmless
    assert "OSC 52" in harmless  # the walk did copy: the test would see it


def test_t1_nothing_but_printable_text_is_left(walks: tuple[bytes, bytes]) -> None:
    left = plain(walks[0])  # decodes, too: a lone C1 byte is no UTF-8
    assert sorted({char for char in left if not char.isprintable()} - {"\r", "\n"}) == []


def test_t1_no_sequence_carries_what_the_log_said(walks: tuple[bytes, bytes]) -> None:
    for match in SEQUENCE.finditer(walks[0].decode()):
        if kind(match) != "OSC 52":
            assert "pwn" not in match[0].lower()


def test_t1_what_is_copied_is_clean(walks: tuple[bytes, bytes]) -> None:
    copied = [
        base64.b64decode(match["osc"].rpartition(";")[2]).decode()
        for match in SEQUENCE.finditer(walks[0].decode())
        if kind(match) == "OSC 52"
    ]
    assert len(copied) >= 3
    for text in copied:
        assert all(char.isprintable() or char == "\n" for char in text)
    assert any("\\x1b]0;PWNTITLE" in text for text in copied)


def test_t1_t2_t3_it_is_all_there_in_escaped_form(walks: tuple[bytes, bytes]) -> None:
    shown = plain(walks[0])
    for escaped in ("PWN\\x1b]0;PWNTITLE\\x07", "\\x9b31m", "\\u202e", "[@click=app.quit]x[/]"):
        assert escaped in shown


BYTES_RULE = RULE.format(text='"bytes"', note='""').replace(
    """
sequence by process.entity_id
  [process where process.command_line : "*PWN*"]
  [network where destination.port == 443]
""",
    'process where process.command_line : "*PWN*"',
)


def test_t1_each_of_the_256_bytes_is_shown_and_none_obeyed(tmp_path: Path) -> None:
    """As a character of an alert in the list, and as a byte of a record that can not be read."""
    logs = tmp_path / "logs"
    rules = tmp_path / "rules"
    logs.mkdir()
    rules.mkdir()
    (rules / "bytes.toml").write_text(BYTES_RULE.replace('from = "now-9m"', "max_signals = 1000"))
    with (logs / "bytes.ndjson").open("wb") as log:
        for code in range(256):
            event = {
                "@timestamp": "2026-03-12T12:00:00Z",
                "event": {"kind": "event", "category": ["process"], "type": ["start"]},
                "host": {"name": f"h{code:02X}{chr(code)}h", "os": {"type": "windows"}},
                "user": {"name": f"u{chr(code)}u"},
                "process": {"name": "p.exe", "command_line": f"PWN {code}", "pid": code},
            }
            log.write(json.dumps(event).encode() + b"\n")
        for code in set(range(256)) - set(b"\r\n"):
            log.write(b'{"broken %02X ' % code + bytes([code]) + b"\n")
    hunt_into(tmp_path / "own.triage", [str(logs)], [rules])
    arguments = [tmp_path / "own.triage", tmp_path / "exceptions", Path("themes")]
    terminal = ConsoleTerminal(arguments, {"TERM": "xterm-256color"}, 140, 300)
    try:
        terminal.wait("of 256")
        terminal.wait("h00")
        terminal.send("!")
        terminal.wait("can not be read")
        terminal.send("q")
        terminal.wait("of 256")
        terminal.send("q")
        assert terminal.end() == 0
    except BaseException:
        terminal.kill()
        raise
    shown = plain(terminal.output)
    assert sorted({char for char in shown if not char.isprintable()} - {"\r", "\n"}) == []
    for code in range(256):
        assert f"h{code:02X}" in shown
        if code < 0x20 or 0x7F <= code < 0xA0:
            named = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code, f"\\x{code:02x}")
            assert f"h{code:02X}{named}h" in shown
    kinds = {kind(match) for match in SEQUENCE.finditer(bytes(terminal.output).decode())}
    assert not any(one.startswith("ESC") and one[-1] in "PX^_" for one in kinds)
    assert not {"OSC 8", "OSC 52"} & kinds
