"""The engine's word of itself, for consoles to show: how it and each log fare, the rules in force.

:mod:`triage.case.engine_word` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import apsw
import orjson

from triage import attack
from triage.case.model import EngineState, SourceState
from triage.case.schema import stored_path, transaction
from triage.errors import Problem
from triage.rules import Rule
from triage.text import encodable


class Telling:
    """Writes what the engine says of itself, each time in a transaction of its own."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._told: dict[str, SourceState] = {}  # the logs as last said

    def say(self, state: EngineState, sources: Sequence[SourceState] = ()) -> None:
        """Tell the console how the engine and each of its logs fare."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO engine VALUES ('state', ?)",
                (orjson.dumps(asdict(state)).decode(),),
            )
            said = {source.path: source for source in sources}
            self._say_sources(said)
        self._told = said  # only now: what was not committed has to be said again

    def _say_sources(self, sources: dict[str, SourceState]) -> None:
        """Write what is new of the logs: there may be thousands, and most rest."""
        if not self._told:
            self._db.execute("DELETE FROM source")
        self._db.executemany(
            "DELETE FROM source WHERE path = ?",
            [(stored_path(path),) for path in self._told if path not in sources],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    stored_path(one.path),
                    one.format,
                    one.state,
                    one.reason,
                    one.offset,
                    one.size,
                    one.events,
                    one.rejects,
                    one.lag,
                    one.behind_since,
                    one.rate,
                    encodable(one.error),
                )
                for one in sources.values()
                if self._told.get(one.path) != one
            ],
        )

    def say_rules(self, rules: Iterable[Rule], problems: Iterable[Problem]) -> None:
        """Tell the console which rules are loaded and what is wrong with them."""
        rules = list(rules)
        with transaction(self._db):
            self._db.execute("DELETE FROM rule")
            self._db.execute("DELETE FROM rule_tag")
            self._db.execute("DELETE FROM problem")
            self._db.executemany(
                "INSERT OR REPLACE INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        r.rule_id,
                        r.name,
                        r.severity,
                        encodable(r.path),
                        _runs(r),
                        r.reason,
                        r.enabled,
                        attack.ids(r.parameters.get("threat")),
                    )
                    for r in rules
                ],
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO rule_tag VALUES (?, ?)",
                [(rule.rule_id, tag) for rule in rules for tag in rule.tags],
            )
            self._db.executemany(
                'INSERT INTO problem (path, line, "column", severity, message)'
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (encodable(p.path), p.line, p.column, p.severity, encodable(p.message))
                    for p in problems
                ],
            )

    def say_costs(self, costs: Mapping[str, float]) -> None:
        """Tell the console what rules cost: seconds a sampled event, by rule id."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO engine VALUES ('costs', ?)", (orjson.dumps(costs).decode(),)
            )

    def set_meta(self, key: str, value: str) -> None:
        """Keep a fact about the case."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, encodable(value)))


def _runs(rule: Rule) -> bool:
    return rule.runnable or rule.incident is not None
