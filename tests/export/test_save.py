"""The file of an export: whole or not there, readable by its owner, never another's end."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.export.conftest import Make
from triage.case.read import CaseReader
from triage.cli import main
from triage.errors import TriageError
from triage.export import BY_NAME, suggested_name, write_file


def test_a_file_is_readable_by_its_owner_only(
    sample_case: Path, select: Make, tmp_path: Path
) -> None:
    saved = write_file(select(sample_case), BY_NAME["csv"], tmp_path / "out.csv")
    assert saved.size == saved.path.stat().st_size > 0
    if os.name == "posix":
        assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_an_existing_file_stays_unless_told_otherwise(
    sample_case: Path, select: Make, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_file(select(sample_case), BY_NAME["csv"], path)
    assert path.read_text() == "mine"
    write_file(select(sample_case), BY_NAME["csv"], path, overwrite=True)
    assert path.read_text() != "mine"


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_t15_a_link_is_not_followed(sample_case: Path, select: Make, tmp_path: Path) -> None:
    (target := tmp_path / "precious").write_text("mine")
    (link := tmp_path / "out.csv").symlink_to(target)
    with pytest.raises(FileExistsError):
        write_file(select(sample_case), BY_NAME["csv"], link)
    write_file(select(sample_case), BY_NAME["csv"], link, overwrite=True)
    assert target.read_text() == "mine"
    assert not link.is_symlink()


@pytest.mark.parametrize("there", [False, True])
def test_giving_up_leaves_nothing_behind(
    sample_case: Path, select: Make, tmp_path: Path, there: bool
) -> None:
    path = tmp_path / "out.csv"
    if there:
        path.write_text("mine")

    def stop(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    chosen = replace(select(sample_case), progress=stop)
    with pytest.raises(KeyboardInterrupt):
        write_file(chosen, BY_NAME["csv"], path, overwrite=there)
    assert [one.read_text() for one in tmp_path.iterdir()] == (["mine"] if there else [])


def test_a_folder_that_is_not_there_is_said(
    sample_case: Path, select: Make, tmp_path: Path
) -> None:
    with pytest.raises(TriageError, match="choose another file"):
        write_file(select(sample_case), BY_NAME["csv"], tmp_path / "no" / "out.csv")


@pytest.mark.parametrize("name", ["../../etc/x", "a/b\\c:d", "-rf \x1b[31m", "...", ""])
def test_t15_a_suggested_name_is_one_file_name(sample_case: Path, select: Make, name: str) -> None:
    made = suggested_name(replace(select(sample_case), name=name), BY_NAME["stix"])
    assert made.endswith("-20260312T1600.stix.json")
    assert not set(made) & set("/\\: \x1b")
    assert made[0] not in ".-"


# The command --------------------------------------------------------------------------------------


def test_the_command_writes_what_a_filter_selects(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.ndjson"
    asked = ["export", str(case), "--format", "ndjson", "--select", "state:fp"]
    assert main([*asked, "-o", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 3
    assert "3 alerts written to" in capsys.readouterr().err
    assert main([*asked, "-o", str(out)]) == 2
    assert "exists already; choose another file, or add --force" in capsys.readouterr().err
    assert main([*asked, "-o", str(out), "--force"]) == 0


def test_the_command_takes_ids_and_writes_to_standard_output(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = CaseReader(str(case))
    ids = [row.id for row in reader.alerts()][:2]
    reader.close()
    assert main(["export", str(case), "--format", "ndjson", "--select", ", ".join(ids)]) == 0
    docs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {doc["kibana.alert.uuid"] for doc in docs} == set(ids)


@pytest.mark.parametrize(
    ("select_", "told"),
    [
        ("severity>=x", "--select, column 11"),
        ("host:nobody", "none of 16 alerts passes"),
        ("0" * 8 + "-0000-0000-0000-" + "0" * 12, "the case has no alert 0000"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_selection(
    case: Path, select_: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(case), "--format", "csv", "--select", select_]) == 2
    assert told in capsys.readouterr().err


def test_the_command_makes_no_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "no.triage"), "--format", "csv"]) == 2
    assert "there is no such case file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
