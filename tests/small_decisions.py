"""Small DMN files for the tests of decisions."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from engine.decisions import Decision, Decisions

DMN_13 = "https://www.omg.org/spec/DMN/20191111/MODEL/"
DMN_14 = "https://www.omg.org/spec/DMN/20211108/MODEL/"


def definitions(*inside: str, namespace: str = DMN_13, more: str = "") -> bytes:
    return (
        f'<definitions xmlns="{namespace}" id="d" name="d" {more}>{"".join(inside)}</definitions>'
    ).encode()


def decision(logic: str, key: str = "route", requires: tuple[str, ...] = (), name: str = "") -> str:
    named = f'<variable name="{name}"/>' if name else ""
    needed = "".join(
        f'<informationRequirement><requiredDecision href="#{below}"/></informationRequirement>'
        for below in requires
    )
    return f'<decision id="{key}" name="办理去向">{named}{needed}{logic}</decision>'


def table(
    rules: list[str],
    policy: str = 'hitPolicy="UNIQUE"',
    inputs: tuple[str, ...] = ("n:number",),
    outputs: tuple[str, ...] = ("way:string",),
    prefix: str = "r",
) -> str:
    """`rules`: cells split by `|`, inputs first; clauses `expression:type:values`, outputs with
    `:default` behind that."""
    columns = "".join(
        f'<input id="{prefix}_i{number}"><inputExpression {_type(kind)}><text>{escape(text)}</text>'
        f"</inputExpression>{_values('inputValues', values)}</input>"
        for number, (text, kind, values, _) in enumerate(map(_clause, inputs))
    ) + "".join(
        f'<output id="{prefix}_o{number}" name="{name}" {_type(kind)}>'
        f"{_values('outputValues', values)}{_values('defaultOutputEntry', default)}</output>"
        for number, (name, kind, values, default) in enumerate(map(_clause, outputs))
    )
    lines = "".join(
        _rule(f"{prefix}{number}", text.split("|"), len(inputs))
        for number, text in enumerate(rules, 1)
    )
    return f"<decisionTable {policy}>{columns}{lines}</decisionTable>"


def _clause(text: str) -> list[str]:
    return [*text.split(":"), "", "", ""][:4]


def _type(kind: str) -> str:
    return f'typeRef="{kind}"' if kind else ""


def _values(tag: str, text: str) -> str:
    return f"<{tag}><text>{escape(text)}</text></{tag}>" if text else ""


def _rule(key: str, cells: list[str], inputs: int) -> str:
    entries = "".join(
        f"<{'inputEntry' if n < inputs else 'outputEntry'}><text>{escape(cell.strip())}</text>"
        f"</{'inputEntry' if n < inputs else 'outputEntry'}>"
        for n, cell in enumerate(cells)
    )
    return f'<rule id="{key}">{entries}</rule>'


def literal(text: str, kind: str = "") -> str:
    return f"<literalExpression {_type(kind)}><text>{escape(text)}</text></literalExpression>"


def only(*inside: str, **more: Any) -> Decision:
    [found] = Decisions.parse(definitions(*inside, **more)).values()
    return found


def policy_table(policy: str, *rules: str, **more: Any) -> Decision:
    return only(decision(table(list(rules), policy, **more)))
