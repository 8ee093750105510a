"""Small procedures for the database tests, seeded at the city office, whose registrar is lin."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from sqlalchemy import select

from engine import commands as c
from engine import store
from engine.errors import EngineError
from engine.execute import Bureau
from tests.support import Desk, flows, properties, small_package

ASKED = '<message id="asked" name="asked"/>'
"""The message that a small procedure may wait for."""


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each act gave, or the refusal that it raised, when all begin at the same moment."""
    ready = threading.Barrier(len(acts))

    def go(act: Callable[[], Any]) -> Any:
        ready.wait()
        try:
            return act()
        except EngineError as refused:
            return refused

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(go, acts))


def deploy(desk: Desk, body: str, form: str = "", key: str = "small", **files: str) -> None:
    """Put `body` in force as the process `key`; `files` are further ones, `_` for the dot.

    The gate is left out: these procedures have no articles, and some must fail at run time.
    """
    package = small_package(body, form or None, key)
    diagram = package[f"{key}.bpmn"]
    package[f"{key}.bpmn"] = diagram.replace("<process", f"{ASKED}<process", 1)
    package |= {name.replace("_", "."): text for name, text in files.items()}
    with patch("engine.administration.check_packages", lambda *_: []):
        desk.bureau.execute(c.Deploy({key: package}), c.SYSTEM, desk.now)


def seed(
    desk: Desk, key: str = "small", doc: Mapping[str, Any] | None = None, **variables: Any
) -> int:
    """A case of the process `key`; its number."""
    told = {"title": "小案"} | dict(doc or {})
    command = c.SeedCase(key, variables, told, {"office": "shi_xfj"})
    return desk.bureau.execute(command, c.SYSTEM, desk.now).case_id


def user(name: str, **more: str) -> str:
    return f'<userTask id="{name}" name="{name}">{properties(**more)}</userTask>'


def timer(name: str, text: str, host: str = "", interrupts: bool = True) -> str:
    """A boundary timer on `host`, or an intermediate one; `text` is a date's FEEL or a duration."""
    kind = "timeDuration" if text.startswith("P") else "timeDate"
    definition = (
        f'<timerEventDefinition id="{name}_t"><{kind} xsi:type="tFormalExpression">{text}</{kind}>'
        "</timerEventDefinition>"
    )
    if not host:
        return f'<intermediateCatchEvent id="{name}">{definition}</intermediateCatchEvent>'
    cancel = "" if interrupts else ' cancelActivity="false"'
    return f'<boundaryEvent id="{name}" attachedToRef="{host}"{cancel}>{definition}</boundaryEvent>'


def notice(name: str, text: str = "请办理 {case_no}", to: str = "registrar@office") -> str:
    return f'<sendTask id="{name}" name="{name}">{properties(to=to, text=text)}</sendTask>'


def form(*fields: tuple[str, str], key: str = "small") -> str:
    """A form of routing fields, each (key, component type)."""
    components = [
        {
            "type": kind,
            "key": name,
            "label": name,
            "validate": {"maxLength": 40} if kind == "textfield" else {},
            "properties": {"routing": "true"},
        }
        for name, kind in fields
    ]
    return json.dumps({"type": "default", "id": key, "schemaVersion": 18, "components": components})


def waiting_timer(fires: str, *then: str) -> str:
    """A task with a boundary timer at `fires`; on firing, the elements of `then` in a row."""
    body = '<startEvent id="s"/><endEvent id="e"/><endEvent id="e2"/>' + user("work")
    body += timer("limit", fires, "work")
    names = [part.split('id="')[1].split('"')[0] for part in then]
    row = pairwise(["limit", *names, "e2"])
    return body + "".join(then) + flows(("s", "work"), ("work", "e"), *row)


def rows(bureau: Bureau, table: Any, case_id: int) -> list[Mapping[str, Any]]:
    with bureau.database.connect() as connection:
        found = connection.execute(
            select(table).where(table.c.case_id == case_id).order_by(*table.primary_key.columns)
        )
        return [dict(row) for row in found.mappings()]


def events(bureau: Bureau, case_id: int, kind: str) -> list[Mapping[str, Any]]:
    """The events of a kind in a case's history."""
    history = bureau.queries.history(case_id, limit=100_000)
    return [data for row in history for name, data in row["payload"]["events"] if name == kind]


def instants(bureau: Bureau, case_id: int) -> list[datetime]:
    return [store.read_instant(row["at"]) for row in bureau.queries.history(case_id)]
