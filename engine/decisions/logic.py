"""Decisions and how they are evaluated (DMN 1.4, chapters 7 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.decisions.types import typed
from engine.errors import DecisionFailed, ExpressionFailed
from engine.expressions import Expression, UnaryTests, compile_expression

Functions = Mapping[str, Callable[..., Any]]
Row = dict[str, Any]

MULTIPLE = frozenset({"COLLECT", "RULE ORDER", "OUTPUT ORDER"})
"""Hit policies that give a list."""

_SAME = compile_expression("a = b")


@dataclass(frozen=True)
class Outcome:
    """What a decision gave, all as FEEL values.

    `outputs`: by output name; a list each where the hit policy collects. `matched`: the ids of
    the rules that hit, in the table's order; none for default outputs and for a literal
    expression. `inputs`: by the input expression's text, as found. `required`: the outcomes of
    the decisions that this one asked for, by id.
    """

    outputs: dict[str, Any]
    matched: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    required: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    id: str
    expression: Expression
    type: str | None
    allowed: UnaryTests | None


@dataclass(frozen=True)
class Output:
    """`order`: the listed values, highest priority first; `default`: for when no rule matches."""

    name: str
    type: str | None
    allowed: UnaryTests | None
    order: tuple[Any, ...]
    default: Expression | None


@dataclass(frozen=True)
class Rule:
    id: str
    tests: tuple[UnaryTests, ...]
    cells: tuple[Expression, ...]


@dataclass(frozen=True)
class Table:
    hit_policy: str
    aggregation: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Literal:
    name: str
    type: str | None
    expression: Expression


@dataclass(frozen=True)
class Decision:
    """One decision; `variable` is the name under which a decision that requires it sees it."""

    id: str
    name: str
    variable: str
    logic: Table | Literal
    required: tuple[Decision, ...] = ()

    @property
    def output_names(self) -> tuple[str, ...]:
        if isinstance(self.logic, Literal):
            return (self.logic.name,)
        return tuple(output.name for output in self.logic.outputs)

    def evaluate(self, scope: Mapping[str, Any], functions: Functions | None = None) -> Outcome:
        """Decide on these values (JSON or FEEL values); required decisions are decided first.

        Raises DecisionFailed: no rule matches, rules contradict the hit policy, a value has
        another type than declared, or an expression fails.
        """
        return self._evaluate(scope, functions or {}, {})

    def _evaluate(
        self, scope: Mapping[str, Any], functions: Functions, done: dict[str, Outcome]
    ) -> Outcome:
        required = {}
        seen = dict(scope)
        for decision in self.required:
            if decision.id not in done:
                done[decision.id] = decision._evaluate(scope, functions, done)
            required[decision.id] = done[decision.id]
            seen[decision.variable] = decision._value(done[decision.id])
        try:
            logic = self.logic
            if isinstance(logic, Literal):
                found = _evaluate_literal(logic, seen, functions)
            else:
                found = _Evaluation(logic, seen, functions).outcome()
        except (DecisionFailed, ExpressionFailed) as error:
            raise DecisionFailed(f"Decision {self.id} ({self.name}): {error.message}") from None
        return Outcome(found.outputs, found.matched, found.inputs, required)

    def _value(self, outcome: Outcome) -> Any:
        """As a requiring decision sees it: the one output's value, or a context of several; for
        a collecting table a list of those."""
        if len(outcome.outputs) == 1:
            return next(iter(outcome.outputs.values()))
        if isinstance(self.logic, Table) and self.logic.hit_policy in MULTIPLE and outcome.matched:
            columns = outcome.outputs.values()
            return [
                dict(zip(outcome.outputs, row, strict=True)) for row in zip(*columns, strict=True)
            ]
        return dict(outcome.outputs)


def same(one: Any, other: Any) -> bool:
    """FEEL's equality; null equals null."""
    return _SAME.evaluate({"a": one, "b": other}) is True


def _evaluate_literal(logic: Literal, scope: Mapping[str, Any], functions: Functions) -> Outcome:
    value = logic.expression.evaluate(scope, functions)
    if value is None and logic.expression.text.strip() != "null":
        raise DecisionFailed(
            f"the expression {logic.expression.text!r} gives null. Check the values it reads."
        )
    names = sorted(name for name in logic.expression.names if name in scope)
    outputs = {logic.name: typed(value, logic.type, logic.name)}
    return Outcome(outputs, [], {name: scope[name] for name in names})


class _Evaluation:
    """One evaluation of one table."""

    def __init__(self, table: Table, scope: Mapping[str, Any], functions: Functions) -> None:
        self.table = table
        self.scope = scope
        self.functions = functions

    def outcome(self) -> Outcome:
        values = [self._input(clause) for clause in self.table.inputs]
        inputs = {
            clause.expression.text: value
            for clause, value in zip(self.table.inputs, values, strict=True)
        }
        hits = [rule for rule in self.table.rules if self._hits(rule, values)]
        if not hits:
            return Outcome(self._defaults(inputs), [], inputs)
        hits, outputs = self._apply(hits)
        return Outcome(outputs, [rule.id for rule in hits], inputs)

    def _input(self, clause: Input) -> Any:
        text = clause.expression.text
        value = typed(clause.expression.evaluate(self.scope, self.functions), clause.type, text)
        if clause.allowed and not clause.allowed.matches(value, self.scope, self.functions):
            raise DecisionFailed(
                f"the input {text} is {_shown(value)}, not one of {clause.allowed.text}. "
                "Correct the value, or add it to the input's values and the rules."
            )
        return value

    def _hits(self, rule: Rule, values: list[Any]) -> bool:
        return all(
            test.matches(value, self.scope, self.functions)
            for test, value in zip(rule.tests, values, strict=True)
        )

    def _defaults(self, inputs: Mapping[str, Any]) -> Row:
        """The default output entries, which stand for the whole result of a table without hit."""
        defaults = {o.name: o.default for o in self.table.outputs if o.default is not None}
        if not defaults:
            found = ", ".join(f"{text} = {_shown(value)}" for text, value in inputs.items())
            raise DecisionFailed(
                f"no rule matches {found or 'without inputs'}. "
                "Add a rule, or default output entries."
            )
        if self.table.hit_policy in MULTIPLE:
            return {
                name: cell.evaluate(self.scope, self.functions) for name, cell in defaults.items()
            }
        return {
            output.name: self._cell("the default entry", output, defaults[output.name])
            for output in self.table.outputs
        }

    def _row(self, rule: Rule) -> Row:
        return {
            output.name: self._cell(f"rule {rule.id}", output, cell)
            for output, cell in zip(self.table.outputs, rule.cells, strict=True)
        }

    def _cell(self, where: str, output: Output, cell: Expression) -> Any:
        value = cell.evaluate(self.scope, self.functions)
        if value is None:
            # A null that nobody wrote is a wrong name or an unquoted text.
            if cell.text.strip() == "null":
                return None
            raise DecisionFailed(
                f"{where} gives null for {output.name}: {cell.text!r}. "
                'Put texts in quotation marks, as "text".'
            )
        value = typed(value, output.type, f"{output.name} of {where}")
        if output.allowed and not output.allowed.matches(value, self.scope, self.functions):
            raise DecisionFailed(
                f"{where} gives {_shown(value)} for {output.name}, not one of "
                f"{output.allowed.text}. Correct the cell, or add it to the output's values."
            )
        return value

    def _apply(self, hits: list[Rule]) -> tuple[list[Rule], Row]:
        policy = self.table.hit_policy
        if policy == "UNIQUE" and len(hits) > 1:
            raise DecisionFailed(
                f"the rules {_ids(hits)} all match, and the hit policy is UNIQUE. "
                "Make their conditions exclude each other."
            )
        if policy in ("UNIQUE", "FIRST"):
            return hits[:1], self._row(hits[0])
        rows = [self._row(rule) for rule in hits]
        if policy == "ANY":
            self._check_agreement(hits, rows)
            return hits, rows[0]
        if policy == "PRIORITY":
            best = min(range(len(rows)), key=lambda index: self._rank(rows[index]))
            return [hits[best]], rows[best]
        if policy == "OUTPUT ORDER":
            rows.sort(key=self._rank)
        return hits, self._collected(rows)

    def _check_agreement(self, hits: list[Rule], rows: list[Row]) -> None:
        if not all(same(row, rows[0]) for row in rows):
            raise DecisionFailed(
                f"the rules {_ids(hits)} match with different outputs, and the hit policy is "
                "ANY. Give them the same outputs."
            )

    def _rank(self, row: Row) -> list[int]:
        return [
            next(
                (place for place, value in enumerate(o.order) if same(value, row[o.name])),
                len(o.order),
            )
            for o in self.table.outputs
            if o.order
        ]

    def _collected(self, rows: list[Row]) -> Row:
        columns = {o.name: [row[o.name] for row in rows] for o in self.table.outputs}
        aggregation = self.table.aggregation
        if aggregation is None:
            return columns
        [(name, values)] = columns.items()
        if aggregation == "COUNT":
            return {name: len(values)}
        total = compile_expression(f"{aggregation.lower()}(values)").evaluate({"values": values})
        if total is None:
            raise DecisionFailed(
                f"the outputs {_shown(values)} have no {aggregation.lower()}. Write numbers."
            )
        return {name: total}


def _ids(rules: list[Rule]) -> str:
    return ", ".join(rule.id for rule in rules)


def _shown(value: Any) -> str:
    text = compile_expression("string(value)").evaluate({"value": value})
    shown = f'"{text}"' if isinstance(value, str) else str(text if text is not None else "null")
    return shown if len(shown) <= 120 else shown[:119] + "…"
