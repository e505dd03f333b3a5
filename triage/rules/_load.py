"""Loading rule files and folders: a file that is wrong is a problem, and the rest is used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from triage.config import TomlError, parse_toml, read_bytes
from triage.errors import Problem
from triage.rules._file import RuleFile
from triage.rules._kept import Kept
from triage.rules._model import Rule, RuleSet
from triage.rules._read import read_rule


def load_rules(paths: Iterable[Path], cache: Path | None = None) -> RuleSet:
    """Rules of files and of folders (every ``*.toml`` below), in the order given, then by name.

    Never raises. A rule whose query is wrong is there, not runnable; a file that is no rule is only
    a problem. Of two rules with one ``rule_id`` the last given is used. ``cache``: the user's own
    folder, in which is kept what makes the next time quicker.
    """
    paths = tuple(paths)
    kept = Kept(cache, paths)
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    for path in _files(paths, problems):
        rule = _load(path, kept, problems)
        if rule is None:
            continue
        before = rules.pop(rule.rule_id, None)
        if before is not None and before.path != rule.path:
            message = (
                f"rule_id {rule.rule_id} is also that of {before.path}; this file is used. "
                "Give one of them its own rule_id"
            )
            problems.append(Problem(rule.path, 0, 0, message, "warning"))
        rules[rule.rule_id] = rule
    kept.save()
    return RuleSet(tuple(rules.values()), tuple(problems))


def _files(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        message = f"can not be read: {error.strerror}; its rules are not used"
        problems.append(Problem(str(error.filename), 0, 0, message))

    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=unreadable):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if name.endswith(".toml") and not name.startswith("."):
                        yield Path(folder) / name
        elif path.exists():
            yield path
        else:
            message = "no such file or folder of rules; check the path"
            problems.append(Problem(str(path), 0, 0, message))


def _load(path: Path, kept: Kept, problems: list[Problem]) -> Rule | None:
    try:
        content = read_bytes(path)
        entry = kept.entry(content, lambda: parse_toml(path, content)[0])
    except TomlError as error:
        problems.append(error.problem)
        return None
    if not isinstance(entry.tables.get("rule"), dict):
        message = "no [rule] table: not a rule file; move it out of the rules folder"
        problems.append(Problem(str(path), 0, 0, message))
        return None
    return read_rule(RuleFile(path, entry, content, problems))
