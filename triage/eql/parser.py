"""Parser: tokens to a query; what Elasticsearch's grammar rejects is rejected here."""

from __future__ import annotations

import difflib

from triage.eql.check import check_condition
from triage.eql.expressions import ExpressionParser
from triage.eql.lexer import Token
from triage.eql.nodes import Field, Pipe, Query, Stage
from triage.times import duration

_MAX_RUNS = 100
_MAX_SAMPLE = 5
_PIPES = ("head", "tail")
_OLD_PIPES = ("count", "filter", "sort", "unique", "unique_count")


def parse(text: str) -> Query:
    """A query from its text; EqlError, with the place, where Elasticsearch would reject it."""
    return _Parser(text).query()


class _Parser(ExpressionParser):
    def query(self) -> Query:
        kind = self._token.kind
        if kind == "end":
            raise self._error(self._token, "the query is empty")
        if kind == "join":
            raise self._error(self._token, "join is not supported, did you mean `sequence`?")
        maxspan: int | None = None
        until: Stage | None = None
        if kind in ("sequence", "sample"):
            self._advance()
            stages, until, maxspan = self._joined(kind)
        else:
            kind, stages = "event", [self._filter((), missing=False)]
        pipes = []
        while self._accept("|"):
            if self._token.kind == "|":
                raise self._error(self._tokens[self._at - 1], "unexpected `||`, did you mean `or`?")
            pipes.append(self._pipe())
        if self._token.kind != "end":
            raise self._unexpected("`and`, `or`, `|` or the end of the query")
        return Query(kind, tuple(stages), until, maxspan, tuple(pipes), self.source.text)

    def _joined(self, kind: str) -> tuple[list[Stage], Stage | None, int | None]:
        start = self._tokens[self._at - 1]
        shared = self._keys()
        maxspan = None
        if self._token.kind == "with":
            if kind == "sample":
                raise self._error(self._token, "`with maxspan` is not supported in a sample")
            maxspan = self._maxspan()
            if self._token.kind == "by":
                raise self._error(self._token, "specify sequence [by] before [with], not after")
        stages: list[Stage] = []
        own: int | None = None
        while self._token.kind in ("[", "!["):
            at = self._token
            stage, runs = self._stage(shared, kind)
            own = self._same_keys(own, stage, shared, at)
            stages.extend([stage] * runs)
        until = None
        if self._token.kind == "until":
            if kind == "sample":
                raise self._error(self._token, "`until` is not supported in a sample")
            self._advance()
            at = self._token
            if at.kind != "[":
                raise self._unexpected("`[`")
            until, _ = self._stage(shared, "until")
            self._same_keys(own, until, shared, at)
        if not stages:
            raise self._unexpected("`[`")
        if len(stages) < 2:
            raise self._error(start, f"A {kind} requires a minimum of 2 queries, found [1]")
        if kind == "sample" and len(stages) > _MAX_SAMPLE:
            raise self._error(
                start,
                f"A sample cannot contain more than {_MAX_SAMPLE} queries; found [{len(stages)}]",
            )
        if all(stage.missing for stage in stages):
            raise self._error(start, "A sequence requires at least one positive event query")
        if maxspan is None and any(stage.missing for stage in stages):
            raise self._error(
                start, "[maxspan] is required for sequences with missing events queries; found none"
            )
        if kind == "sample" and not stages[0].keys:
            raise self._error(start, "A sample must have at least one join key, found none")
        return stages, until, maxspan

    def _same_keys(
        self, own: int | None, stage: Stage, shared: tuple[Field, ...], at: Token
    ) -> int:
        found = len(stage.keys) - len(shared)
        if own is not None and own != found:
            raise self._error(
                at,
                f"Inconsistent number of join keys specified; expected [{own}] but found [{found}]",
            )
        return found

    def _keys(self) -> tuple[Field, ...]:
        if not self._accept("by"):
            return ()
        keys: list[Field] = []
        while True:
            start = self._token
            node = self._expression(0)
            if not isinstance(node, Field):
                text = self.source.text[node.start : node.end]
                raise self._error(start, f"Unsupported join key [{text}]: join keys must be fields")
            keys.append(node)
            if not self._accept(","):
                return tuple(keys)

    def _maxspan(self) -> int:
        self._expect("with")
        self._expect("maxspan")
        self._expect("=")
        number = self._token
        if number.kind == "decimal":
            raise self._error(
                number,
                f"Decimal time interval [{number.value}] not supported;"
                " please use a positive integer",
            )
        self._expect("integer", "a time span such as `30s`")
        if not number.value.strip("0"):
            raise self._error(number, "A positive maxspan value is required; found [0]")
        if self._token.kind != "name":
            raise self._error(
                number, f"No time unit specified, did you mean [s] as in [{number.value}s]?"
            )
        unit = self._advance()
        span = duration(number.value + unit.value) if len(number.value) < 16 else None
        if span is None:
            raise self._error(
                unit,
                f"Unrecognized time unit [{unit.value}] in [{number.value}{unit.value}],"
                " please specify one of [ms, s, m, h, d]",
            )
        return span

    def _stage(self, shared: tuple[Field, ...], kind: str) -> tuple[Stage, int]:
        """One ``[…]`` with its own keys, and how often it runs."""
        opening = self._advance()
        missing = opening.kind == "!["
        if missing and kind == "sample":
            raise self._error(opening, "Missing events are not supported in a sample")
        stage = self._filter(shared, missing=missing)
        self._expect("]")
        keys = shared + self._keys()
        stage = Stage(
            stage.category,
            stage.condition,
            keys,
            missing,
            stage.line,
            stage.column,
            stage.text,
            stage.query_text,
        )
        return stage, self._runs(kind, missing)

    def _runs(self, kind: str, missing: bool) -> int:
        if self._token.kind != "with":
            return 1
        at = self._advance()
        if kind != "sequence":
            raise self._error(at, f"[runs] is not supported in {kind} queries")
        option = self._expect("name", "`runs`")
        if option.value != "runs":
            raise self._error(option, f"Unrecognized option [{option.value}], expecting [runs]")
        self._expect("=")
        count = self._expect("integer", "how often the query runs")
        runs = int(count.value) if len(count.value) < 9 else 10**9
        if missing:
            raise self._error(option, "[runs] is not supported with missing events queries")
        if runs < 1:
            raise self._error(count, "A positive runs value is required; found [0]")
        if runs > _MAX_RUNS:
            raise self._error(
                count,
                f"A query cannot be repeated more than {_MAX_RUNS} times; found [{count.value}]",
            )
        return runs

    def _filter(self, keys: tuple[Field, ...], missing: bool) -> Stage:
        start = self._token
        category: str | None = None
        if start.kind in ("name", "string"):
            if start.value.endswith("~") and start.kind == "name":
                raise self._unexpected("an event category")
            category = start.value
        elif start.kind == "quoted":
            raise self._error(
                start, f'an event category is quoted as "{start.value}", not with backquotes'
            )
        elif start.kind != "any":
            raise self._unexpected("an event category such as `process`, or `any`")
        self._advance()
        self._expect("where")
        condition = self._expression(0)
        check_condition(condition, self.source)
        line, column = self.source.place(start.start)
        text = self.source.text[start.start : self._tokens[self._at - 1].end]
        return Stage(category, condition, keys, missing, line, column, text, self.source.text)

    def _pipe(self) -> Pipe:
        name = self._expect("name", "`head` or `tail`")
        if name.value in _OLD_PIPES:
            raise self._error(name, f"Pipe [{name.value}] is not supported")
        if name.value not in _PIPES:
            near = difflib.get_close_matches(name.value, _PIPES, 1)
            hint = f", did you mean [{near[0]}]?" if near else ""
            raise self._error(name, f"Unrecognized pipe [{name.value}]{hint}")
        arguments: list[Token] = []
        negative = False
        while self._token.kind not in ("|", "end"):
            token = self._advance()
            negative = negative or token.kind == "-"
            if token.kind not in (",", "-"):
                arguments.append(token)
        if len(arguments) != 1:
            raise self._error(
                name,
                f"Pipe [{name.value}] expects exactly one argument but found [{len(arguments)}]",
            )
        count = arguments[0]
        if count.kind != "integer" or negative or len(count.value) > 10:
            raise self._error(
                count,
                f"Pipe [{name.value}] expects a positive integer but found"
                f" [{'-' if negative else ''}{count.value}]",
            )
        return Pipe(name.value, int(count.value))
