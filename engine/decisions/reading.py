"""From DMN's XML to decisions; whatever would not be evaluated is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from lxml import etree

from engine.decisions.logic import Decision, Input, Literal, Output, Rule, Table
from engine.decisions.types import TYPES
from engine.errors import EngineError, InvalidDefinition, InvalidExpression, Problem
from engine.expressions import (
    MAX_FEEL,
    Expression,
    UnaryTests,
    compile_expression,
    compile_unary_tests,
)
from engine.xml import read_xml

Compiled = TypeVar("Compiled")

NAMESPACES = {
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
}
MAX_RULES = 2_000
MAX_DECISIONS = 100
"""Decisions of a file: each asks those that it requires, one inside the other."""
HIT_POLICIES = frozenset(
    {"UNIQUE", "FIRST", "ANY", "PRIORITY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"}
)
AGGREGATIONS = frozenset({"SUM", "MIN", "MAX", "COUNT"})

# Drawn beside the decisions, without effect on what they give.
_DOCUMENTATION = {"description", "extensionElements", "textAnnotation", "association", "group"}
_IN_DEFINITIONS = _DOCUMENTATION | {
    *("decision", "inputData", "knowledgeSource", "elementCollection", "performanceIndicator"),
    *("organizationUnit",),
}
_IN_DECISION = _DOCUMENTATION | {
    *("question", "allowedAnswers", "variable", "informationRequirement", "authorityRequirement"),
    *("supportedObjective", "impactedPerformanceIndicator", "decisionMaker", "decisionOwner"),
    *("usingProcess", "usingTask", "decisionTable", "literalExpression"),
}
_IN_TABLE = {"description", "extensionElements", "input", "output", "annotation", "rule"}


def read_decisions(xml: bytes) -> dict[str, Decision]:
    """The file's decisions by id. Raises InvalidDefinition with every problem found."""
    return _Reader(read_xml(xml)).read()


class _Reader:
    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.namespace = etree.QName(root).namespace
        self.texts: set[str] = set()
        self.size = 0

    def read(self) -> dict[str, Decision]:
        self._check_root()
        self._check_children(self.root, _IN_DEFINITIONS)
        self._check_ids()
        elements = {e.get("id", ""): e for e in self._children(self.root, "decision")}
        if not elements:
            self._refuse("decision", self.root, "The file has no decision.", "Draw one.")
        if len(elements) > MAX_DECISIONS:
            message = f"The file has {len(elements)} decisions, more than {MAX_DECISIONS}."
            self._refuse("decision", self.root, message, "Split the file.")
            raise InvalidDefinition(self.problems)
        plain = {key: self._read_decision(element) for key, element in elements.items()}
        inputs = {e.get("id") for e in self._children(self.root, "inputData")}
        known: dict[str, set[Any]] = {"requiredDecision": set(elements), "requiredInput": inputs}
        needs = {key: self._required(element, known) for key, element in elements.items()}
        ordered = self._in_order(needs, elements)
        if self.problems:
            raise InvalidDefinition(self.problems)
        linked: dict[str, Decision] = {}
        for key in ordered:
            found = plain[key]
            required = tuple(linked[below] for below in needs[key])
            linked[key] = Decision(found.id, found.name, found.variable, found.logic, required)
        return {key: linked[key] for key in elements}

    # the document

    def _check_root(self) -> None:
        if etree.QName(self.root).localname != "definitions" or self.namespace not in NAMESPACES:
            versions = " or ".join(NAMESPACES.values())
            problem = Problem(
                "dmn-version",
                self.root.get("id"),
                f"The root is {self.root.tag}, expected DMN {versions} definitions.",
                "Save the table with a DMN editor of these versions.",
            )
            raise InvalidDefinition([problem])

    def _check_children(self, element: etree._Element, known: set[str]) -> None:
        for child in element:
            name = etree.QName(child)
            if name.namespace == self.namespace and name.localname not in known:
                self._refuse(
                    "unsupported",
                    child,
                    f"{name.localname} is not evaluated by this engine.",
                    "Write a decision table or a literal expression, with FEEL types.",
                )

    def _check_ids(self) -> None:
        seen: set[str] = set()
        names = ("decision", "inputData", "decisionTable", "input", "output", "rule")
        for element in self.root.iter(*(f"{{{self.namespace}}}{name}" for name in names)):
            key = element.get("id")
            if key in seen or (not key and element.tag.endswith(("}decision", "}rule"))):
                found = f"The id {key!r} is used twice." if key else "There is no id."
                self._refuse("id", element, found, "Give it an id of its own.")
            seen.add(key or "")
        seen.discard("")

    def _in_order(
        self, needs: Mapping[str, list[str]], elements: Mapping[str, etree._Element]
    ) -> list[str]:
        """Every decision after those that it requires."""
        ordered: list[str] = []
        left = dict(needs)
        while left:
            ready = [key for key, below in left.items() if not set(below) & left.keys()]
            if not ready:
                key = next(iter(left))
                circle = ", ".join(left)
                message = f"The decisions {circle} require each other in a circle."
                self._refuse("circle", elements[key], message, "Remove one requirement.")
                return ordered
            ordered += ready
            left = {key: below for key, below in left.items() if key not in ready}
        return ordered

    # a decision

    def _read_decision(self, element: etree._Element) -> Decision:
        self._check_children(element, _IN_DECISION)
        key, name = element.get("id", ""), element.get("name", "")
        variable = self._child(element, "variable")
        variable_name = (variable.get("name") if variable is not None else None) or name or key
        tables = self._children(element, "decisionTable")
        literals = self._children(element, "literalExpression")
        logic: Table | Literal
        if len(tables) + len(literals) != 1:
            self._refuse(
                "logic",
                element,
                "The decision has no single decision table or literal expression.",
                "Give it one.",
            )
            logic = Table("UNIQUE", None, (), (), ())
        elif tables:
            logic = self._read_table(tables[0], key if variable is None else variable_name)
        else:
            logic = self._read_literal(literals[0], key if variable is None else variable_name)
        return Decision(key, name or key, variable_name, logic)

    def _required(self, element: etree._Element, known: Mapping[str, set[Any]]) -> list[str]:
        required = []
        for requirement in self._children(element, "informationRequirement"):
            for child in requirement:
                kind, href = etree.QName(child).localname, child.get("href", "")
                if not href.startswith("#") or href[1:] not in known.get(kind, ()):
                    message = f"The requirement {href!r} leads to nothing in this file."
                    self._refuse("requirement", element, message, "Draw it again.")
                elif kind == "requiredDecision":
                    required.append(href[1:])
        return required

    def _read_literal(self, element: etree._Element, name: str) -> Literal:
        variable = self._child(element.getparent(), "variable")  # type: ignore[arg-type]
        declared = element if element.get("typeRef") or variable is None else variable
        expression = self._expression(element)
        return Literal(name, self._type(declared), expression or compile_expression("null"))

    # a table

    def _read_table(self, element: etree._Element, name: str) -> Table:
        self._check_children(element, _IN_TABLE)
        inputs = [self._read_input(e) for e in self._children(element, "input")]
        outputs = [self._read_output(e, name) for e in self._children(element, "output")]
        rules = self._children(element, "rule")
        if not outputs or not rules or len(rules) > MAX_RULES:
            message = f"The table has {len(outputs)} outputs and {len(rules)} rules."
            self._refuse("table", element, message, f"Write an output and 1 to {MAX_RULES} rules.")
        self._check_outputs(element, outputs)
        policy, aggregation = self._hit_policy(element, outputs)
        return Table(
            policy,
            aggregation,
            tuple(clause for clause in inputs if clause),
            tuple(outputs),
            tuple(self._read_rule(rule, len(inputs), len(outputs)) for rule in rules),
        )

    def _check_outputs(self, element: etree._Element, outputs: list[Output]) -> None:
        names = [output.name for output in outputs]
        if len(set(names)) < len(names):
            found = ", ".join(names)
            message = f"The outputs' names are not each its own: {found}."
            self._refuse("output", element, message, "Name each output.")
        if 0 < sum(output.default is not None for output in outputs) < len(outputs):
            message = "Some outputs have a default entry and others none."
            self._refuse("output", element, message, "Give all of them one, or none.")

    def _hit_policy(self, element: etree._Element, outputs: list[Output]) -> tuple[str, str | None]:
        policy = element.get("hitPolicy", "UNIQUE")
        aggregation = element.get("aggregation")
        if policy not in HIT_POLICIES:
            message, remedy = f"The hit policy is {policy!r}.", ", ".join(sorted(HIT_POLICIES))
            self._refuse("hit-policy", element, message, f"Write one of: {remedy}.")
        if policy in ("PRIORITY", "OUTPUT ORDER") and not any(o.order for o in outputs):
            message = f"{policy} needs to know which output comes first."
            self._refuse("hit-policy", element, message, "List the output's values, first first.")
        fits = policy == "COLLECT" and aggregation in AGGREGATIONS and len(outputs) == 1
        if aggregation and not fits:
            message = f"The aggregation {aggregation!r} does not fit."
            remedy = "Aggregate by SUM, MIN, MAX or COUNT under COLLECT, with a single output."
            self._refuse("hit-policy", element, message, remedy)
        return policy, aggregation

    def _read_input(self, element: etree._Element) -> Input | None:
        source = self._child(element, "inputExpression")
        if source is None:
            self._refuse("input", element, "The input has no expression.", "Write what to test.")
            return None
        expression = self._expression(source, element)
        allowed = self._tests(self._child(element, "inputValues"), element)
        if expression is None:
            return None
        return Input(element.get("id", ""), expression, self._type(source, element), allowed)

    def _read_output(self, element: etree._Element, name: str) -> Output:
        values = self._child(element, "outputValues")
        default = self._child(element, "defaultOutputEntry")
        return Output(
            element.get("name") or name,
            self._type(element),
            self._tests(values, element),
            self._order(values, element),
            None if default is None else self._expression(default, element),
        )

    def _order(self, values: etree._Element | None, owner: etree._Element) -> tuple[Any, ...]:
        """The listed values, when they are values and no ranges or conditions."""
        text = self._text(values)
        if not text:
            return ()
        try:
            found = compile_expression(f"[{text}]").evaluate({})
        except EngineError:
            return ()
        return tuple(found) if isinstance(found, list) and None not in found else ()

    def _read_rule(self, element: etree._Element, inputs: int, outputs: int) -> Rule:
        entries = self._children(element, "inputEntry")
        results = self._children(element, "outputEntry")
        if len(entries) != inputs or len(results) != outputs:
            message = f"The rule has {len(entries)} input and {len(results)} output entries."
            self._refuse("rule", element, message, f"Write {inputs} and {outputs}.")
        tests = [self._tests(entry, element) or compile_unary_tests("-") for entry in entries]
        cells = [self._expression(result, element) for result in results]
        return Rule(element.get("id", ""), tuple(tests), tuple(cell for cell in cells if cell))

    # texts

    def _type(self, element: etree._Element, owner: etree._Element | None = None) -> str | None:
        declared = element.get("typeRef", "Any").removeprefix("feel:")
        if declared == "Any":
            return None
        if declared not in TYPES:
            message = f"The type is {declared!r}."
            known = ", ".join(sorted(TYPES))
            place = element if owner is None else owner
            self._refuse("type", place, message, f"Write one of: {known}.")
        return TYPES.get(declared)

    def _expression(
        self, element: etree._Element, owner: etree._Element | None = None
    ) -> Expression | None:
        place = element if owner is None else owner
        if not self._text(element):
            remedy = "Write a FEEL expression; write null for nothing."
            self._refuse("expression", place, "An expression is empty.", remedy)
            return None
        return self._compile(compile_expression, element, place)

    def _tests(self, element: etree._Element | None, owner: etree._Element) -> UnaryTests | None:
        if element is None or not self._text(element):
            return None
        return self._compile(compile_unary_tests, element, owner)

    def _compile(
        self, compiler: Callable[[str], Compiled], element: etree._Element, place: etree._Element
    ) -> Compiled | None:
        language = element.get("expressionLanguage") or self.root.get("expressionLanguage")
        if language and "feel" not in language.lower():
            message = f"The expression language is {language!r}."
            self._refuse("expression", place, message, "Write FEEL.")
            return None
        text = self._text(element)
        if not self._is_taken(text, place):
            return None
        try:
            return compiler(text)
        except InvalidExpression as error:
            self._refuse("expression", place, f"{text!r}: {error.message}", "Correct the FEEL.")
            return None

    def _is_taken(self, text: str, place: etree._Element) -> bool:
        """Whether the file's different texts are still within MAX_FEEL; said once, if not."""
        before = self.size
        self.size += 0 if text in self.texts else len(text)
        self.texts.add(text)
        if before <= MAX_FEEL < self.size:
            message = f"The file's FEEL has more than {MAX_FEEL} characters."
            self._refuse("size", place, message, "Split the file.")
        return self.size <= MAX_FEEL

    def _text(self, element: etree._Element | None) -> str:
        text = self._child(element, "text") if element is not None else None
        return (text.text or "").strip() if text is not None else ""

    # elements

    def _children(self, element: etree._Element, name: str) -> list[etree._Element]:
        return list(element.iterchildren(f"{{{self.namespace}}}{name}"))

    def _child(self, element: etree._Element, name: str) -> etree._Element | None:
        return next(iter(self._children(element, name)), None)

    def _refuse(self, rule: str, element: etree._Element, message: str, remedy: str) -> None:
        self.problems.append(Problem(f"dmn-{rule}", self._named(element), message, remedy))

    def _named(self, element: etree._Element) -> str | None:
        """The id of the element or of the nearest one around it."""
        return next((found for found in self._ids_around(element)), None)

    def _ids_around(self, element: etree._Element) -> Iterator[str]:
        for around in (element, *element.iterancestors()):
            key = around.get("id")
            if key:
                yield key
