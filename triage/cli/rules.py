"""triage rules: check rule files, and explain what a rule makes of events."""

from __future__ import annotations

import argparse
from pathlib import Path

from triage import times
from triage.cli.common import (
    FAILED,
    OK,
    PATHS,
    Commands,
    Progress,
    check_rule_folder,
    command,
    say,
    say_refused,
)
from triage.context import describe
from triage.errors import TriageError
from triage.explain import Explanation, StageReport, explain
from triage.rules import Rule, lint, load_rules
from triage.sources import Follower
from triage.text import clean

_DESCRIPTION = """\
Work with detection rules.

  triage rules check ./my-rules            every problem with its path, line and column
  triage rules explain my.toml ./logs      why a rule alerted on these events, or why not
"""
_CHECK = """\
Load rule files and folders and print every problem as path:line:column: severity: what to do.

Errors keep a rule from running. Warnings tell what Elasticsearch takes literally and authors rarely
mean, fields that no known source gives, and sequences that wait for ever.

  triage rules check ./my-rules
  triage rules check ./my-rules --quiet    errors alone

Exit code: 0 without errors (warnings do not count), 2 with.
"""
_EXPLAIN = """\
Read logs once and tell for one rule which stages matched how often, which condition failed on the
event that came nearest, and why there was no alert.

  triage rules explain ./my-rules/beacon.toml ./logs

Exit code: 0 when the logs were read, 2 on bad usage, a broken rule or unreadable input.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    rules = command(commands, "rules", "check rules, explain their alerts", _DESCRIPTION)
    inner = rules.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = command(inner, "check", "tell what is wrong with rules, and where", _CHECK)
    check.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="rule files and folders")
    check.add_argument("--quiet", action="store_true", help="errors alone, no warnings")
    check.set_defaults(command=_check)
    why = command(inner, "explain", "tell why a rule alerted on events, or why not", _EXPLAIN)
    why.add_argument("rule", type=Path, metavar="RULE", help="a rule file")
    why.add_argument("paths", nargs="+", metavar="PATH", help=PATHS)
    why.set_defaults(command=_explain)


def _check(options: argparse.Namespace) -> int:
    for path in options.paths:
        check_rule_folder(path)
    loaded = load_rules(options.paths)
    problems = [*loaded.problems, *(found for rule in loaded.rules for found in lint(rule))]
    shown = [one for one in problems if one.severity == "error" or not options.quiet]
    for problem in sorted(shown, key=lambda one: (one.path, one.line, one.column)):
        for line in str(problem).split("\n"):
            print(clean(line))
    errors = sum(one.severity == "error" for one in problems)
    running = sum(rule.runnable or rule.incident is not None for rule in loaded.rules)
    say(
        f"triage: {len(loaded.rules):,} rules, {running:,} of them run;"
        f" {errors:,} errors, {len(problems) - errors:,} warnings"
    )
    for reason, count in _resting(loaded.rules):
        say(f"triage: {count:,} do not run: {reason}")
    return FAILED if errors else OK


def _resting(rules: tuple[Rule, ...]) -> list[tuple[str, int]]:
    reasons: dict[str, int] = {}
    for rule in rules:
        if not rule.runnable and rule.incident is None:
            reasons[rule.reason] = reasons.get(rule.reason, 0) + 1
    return sorted(reasons.items(), key=lambda one: -one[1])


def _explain(options: argparse.Namespace) -> int:
    loaded = load_rules([options.rule])
    for problem in loaded.problems:
        say(str(problem))
    if len(loaded.rules) != 1:
        raise TriageError(f"{options.rule}: give one rule file; this holds {len(loaded.rules)}")
    (rule,) = loaded.rules
    if rule.incident is not None:
        raise TriageError(f"{options.rule}: a risk rule reads alerts; there is no query to explain")
    if not rule.runnable:
        raise TriageError(f"{options.rule}: the rule does not run: {rule.reason}")
    follower = Follower(options.paths, once=True)
    progress = Progress(follower)
    try:
        told = explain(rule, follower, progress)
    finally:
        progress.end()
        follower.close()
    _print(rule, told)
    return say_refused(follower, told.events)


def _print(rule: Rule, told: Explanation) -> None:
    print(clean(f"{rule.name}: {told.alerts:,} alerts in {told.events:,} events"))
    for stage in told.stages:
        _print_stage(stage)
    for reason in told.reasons:
        print(clean(f"  → {reason}"))


def _print_stage(stage: StageReport) -> None:
    print()
    print(clean(f"  stage {stage.name}: [{' '.join(stage.text.split())}]", 160))
    print(
        f"    {stage.category:,} events of its category, {stage.matched:,} matched,"
        f" {stage.keyed:,} of these with all join keys"
    )
    if stage.nearest is None:
        return
    when = times.iso(stage.nearest.time) if stage.nearest.time else "no time"
    verb = "an event that matched" if stage.matched else "the event that came nearest"
    print(clean(f"    {verb}: {when} {describe(stage.nearest)}", 160))
    for test in stage.tests:
        values = ", ".join(map(str, test.values)) or "(missing)"
        print(clean(f"      {'✓' if test.passed else '✗'} {test.text}   was {values}", 160))
