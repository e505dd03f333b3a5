"""The rules and exceptions in force, kept in step with their files."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from triage.engine.match import Matcher
from triage.errors import Problem
from triage.exceptions import FOLDER, ExceptionSet, Item, compile_item, load_exceptions
from triage.fields import Doc
from triage.rules import Rule, RuleSet, load_rules
from triage.run.given import Config


@contextmanager
def settling() -> Iterator[None]:
    """Within this, make what lives as long as the process: an engine, or what it is made of.

    Rules and open sequences are some hundred thousand objects in no cycle, and Python looks through
    all of them again and again: a third of the time they take to load, and a fifth of the engine's
    time with hundreds of rules.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


@dataclass(frozen=True, slots=True)
class Excepted:
    """An exception in force, compiled; equal to another where it means the same."""

    item: Item
    values: tuple[tuple[str, ...], ...]  # what its value lists hold
    test: Callable[[Doc], bool] = field(compare=False)


class Rulebook:
    """The rules and exceptions in force, kept in step with their files.

    A file that breaks keeps its last good state in force; its problem is shown.
    """

    def __init__(
        self,
        config: Config,
        clock: Callable[[], int],
        switched: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        """``switched`` tells which rules people switched on or off, whatever their files say."""
        self._config = config
        self._clock = clock
        self._switched = switched
        self.switches: Mapping[str, bool] = {}  # as last told
        self._stamp: object = None
        self._expiry: int | None = None
        self.all: tuple[Rule, ...] = ()  # also those that do not run
        self.rules: dict[str, Rule] = {}  # those that run, by id
        self.incidents: tuple[Rule, ...] = ()  # risk rules: they read alerts
        self.problems: tuple[Problem, ...] = ()
        self.exceptions = ExceptionSet()
        self.refresh()

    def refresh(self) -> bool:
        """Read the files again where one changed or an exception expired, and heed what people
        switched; True where anything did."""
        stamp = self._files()
        expired = self._expiry is not None and self._clock() >= self._expiry
        switches = dict(self._switched())
        if stamp == self._stamp and not expired:
            if switches == self.switches:
                return False
            self.switches = switches
            self._enable()
            return True
        self.switches = switches
        self._stamp = stamp
        rules = load_rules(self._config.rules, self._config.cache)
        exceptions = load_exceptions(self._config.exceptions)
        broken = {p.path for p in (*rules.problems, *exceptions.problems) if p.severity == "error"}
        self.all = self._keep_rules(rules, broken)
        self._enable()
        self.exceptions = self._keep_lists(exceptions, broken)
        self.problems = (*rules.problems, *exceptions.problems)
        now = self._clock()
        items = [item for one in self.exceptions.lists for item in one.items]
        ends = [item.expire_time for item in items if item.expire_time and item.expire_time > now]
        self._expiry = min(ends, default=None)
        return True

    def _enable(self) -> None:
        """Put those of all rules in force that are on."""
        on = [rule for rule in self.all if self.switches.get(rule.rule_id, rule.enabled)]
        self.rules = {rule.rule_id: rule for rule in on if rule.runnable}
        self.incidents = tuple(rule for rule in on if rule.incident)

    def excepted(self) -> dict[str, list[Excepted]]:
        """The exceptions in force now, by the id of the rule they are for."""
        now = self._clock()
        items = (item for one in self.exceptions.lists for item in one.items)
        compiled = {
            id(item): Excepted(item, item.value_lists, compile_item(item))
            for item in items
            if item.in_force(now)
        }
        return {
            rule.rule_id: [compiled[id(one)] for one in self.exceptions.items_for(rule, now)]
            for rule in self.rules.values()
        }

    def mark(self, excepted: Mapping[str, list[Excepted]]) -> str:
        """What tells this matcher from others: equal ones give every record the same result."""
        parts = [
            (rule_id, rule.fingerprint, [(one.item, one.values) for one in excepted[rule_id]])
            for rule_id, rule in self.rules.items()
        ]
        return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()

    def matcher(self, excepted: Mapping[str, list[Excepted]], *, processes: bool) -> Matcher:
        """The rules with their exceptions, compiled."""
        return Matcher(
            (
                (rule, [(one.item.item_id, one.test) for one in excepted[rule.rule_id]])
                for rule in self.rules.values()
            ),
            processes=processes,
            waiting=True,
        )

    def _keep_rules(self, fresh: RuleSet, broken: set[str]) -> tuple[Rule, ...]:
        good = {rule.path: rule for rule in self.all if _runs(rule) and rule.path in broken}
        good = {path: rule for path, rule in good.items() if Path(path).exists()}
        read = [rule for rule in fresh.rules if _runs(rule) or rule.path not in good]
        have = {rule.rule_id for rule in read}
        return (*read, *(rule for rule in good.values() if rule.rule_id not in have))

    def _keep_lists(self, fresh: ExceptionSet, broken: set[str]) -> ExceptionSet:
        # A list may be read in part; what was whole before it broke stays in force whole.
        kept = tuple(one for one in self.exceptions.lists if one.path in broken)
        paths = {one.path for one in kept}
        lists = (*(one for one in fresh.lists if one.path not in paths), *kept)
        return replace(fresh, lists=lists)

    def _files(self) -> object:
        stamps: list[tuple[str, int, int]] = []
        values = self._config.exceptions / FOLDER
        for root in (*self._config.rules, self._config.exceptions, values):
            pattern = "*" if root == values else "*.toml"
            for path in [root, *sorted(root.rglob(pattern))] if root.is_dir() else [root]:
                try:
                    stat = path.stat()
                except OSError:
                    continue
                stamps.append((str(path), stat.st_mtime_ns, stat.st_size))
        return stamps


def _runs(rule: Rule) -> bool:
    return rule.runnable or rule.incident is not None
