"""The process forest of a host: nothing twice, nothing lost, whatever logs say of parents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.events import ANY_CMD
from tests.test_search import doc, write
from tests.ui.helpers import hunt_into
from triage.case.model import AlertDetail, Process
from triage.case.read import CaseReader
from triage.context import Forest, ProcessNode, host_tree, signers
from triage.event import Event


@pytest.fixture
def alert(tmp_path: Path) -> Iterator[tuple[CaseReader, AlertDetail]]:
    (tmp_path / "rule.toml").write_text(ANY_CMD)
    signed = {"subject_name": "Contoso", "trusted": False, "exists": True}
    hashes = {"sha256": "aa", "sha1": "bb", "md5": "cc"}
    cmd: dict[str, Any] = {
        "name": "cmd.exe", "entity_id": "c", "pid": 3, "hash": hashes, "code_signature": signed,
        "parent": {"entity_id": "p", "name": "gone.exe", "pid": 2},
    }  # fmt: skip
    other = {"name": "other.exe", "entity_id": "o", "pid": 4, "parent": {"entity_id": "p"}}
    write(tmp_path / "log.ndjson", [doc(1, "alpha", process=cmd), doc(2, "alpha", process=other)])
    hunt_into(tmp_path / "c.triage", [str(tmp_path / "log.ndjson")], [tmp_path / "rule.toml"])
    reader = CaseReader(str(tmp_path / "c.triage"))
    detail = reader.alert(reader.alerts()[0].id)
    assert detail is not None
    yield reader, detail
    reader.close()


def nodes(forest: Forest) -> list[ProcessNode]:
    found: list[ProcessNode] = []
    stack = list(forest.roots)
    while stack:
        found.append(stack.pop())
        stack.extend(found[-1].children)
    return found


def test_all_hang_together_below_a_parent_that_is_only_told_of(
    alert: tuple[CaseReader, AlertDetail],
) -> None:
    forest = host_tree(*alert)
    (root,) = forest.roots
    assert (root.process.name, root.role) == ("gone.exe", "ancestor")
    assert [one.process.name for one in root.children] == ["cmd.exe", "other.exe"]
    cmd = root.children[0]
    assert (cmd.role, cmd.alerts) == ("subject", 1)
    process = cmd.process
    assert (process.sha256, process.sha1, process.md5) == ("aa", "bb", "cc")
    assert (process.signer, process.signature) == ("Contoso", "not trusted")


class Told(CaseReader):
    """A case that tells of any processes."""

    def __init__(self, processes: list[Process]) -> None:
        self.told = processes

    def processes(self, host: str, near: int, limit: int) -> list[Process]:
        return self.told

    def process_count(self, host: str) -> int:
        return len(self.told)

    def process(self, host: str, entity_id: str) -> Process | None:
        return None

    def alerts_by_process(self, host: str) -> dict[str, int]:
        return {}


def process(id_: str, parent: str, start: int = 0) -> Process:
    return Process("h", id_, parent, 1, 0, id_, "", "", "", "", "", "", start, 0, "", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_every_process_stands_in_the_forest_once(
    alert: tuple[CaseReader, AlertDetail], links: list[tuple[int, int]]
) -> None:
    told = {str(one): process(str(one), str(parent), one) for one, parent in links}
    found = [one.process.entity_id for one in nodes(host_tree(Told([*told.values()]), alert[1]))]
    assert len(found) == len(set(found))
    assert set(told) <= set(found)


def test_a_chain_of_thousands_is_told_without_end_of_stack(
    alert: tuple[CaseReader, AlertDetail],
) -> None:
    chain = [process(str(n), str(n - 1) if n else "", n) for n in range(5_000)]
    forest = host_tree(Told(chain), alert[1])
    assert len(nodes(forest)) >= 5_000


def test_a_load_of_the_own_image_tells_who_signed_it() -> None:
    def load(entity: str, path: str, **signature: Any) -> Event:
        body = {"process": {"executable": "C:\\a.exe", "entity_id": entity},
                "file": {"path": path, "code_signature": signature}}  # fmt: skip
        return Event(entity, (0, 0, "", 0), body)

    found = signers(
        [
            load("1", "c:\\A.EXE", signed=True, valid=True, subject_name="Contoso"),
            load("2", "C:\\a.exe", signed=False),
            load("3", "C:\\other.dll", signed=True, valid=True, subject_name="Contoso"),
        ]
    )
    assert found == {"1": ("Contoso", "trusted"), "2": ("", "not signed")}
