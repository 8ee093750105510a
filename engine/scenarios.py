"""Scenarios: readable Chinese tables beside a diagram, run on simulated time.

The format is processes/README.md, 七. A scenario runs through `execute` like everything else, on
a bureau of its own in a temporary database.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from engine import commands as c
from engine.clocks import SHANGHAI
from engine.definitions import Package, Process, library_root, read_packages
from engine.errors import EngineError, InvalidInput, NotFound
from engine.execute import Bureau
from engine.forms import FormScope
from engine.queries import InboxItem
from engine.worker import advance

CLOCK = "时钟"
START = "开始"
END = "结束"
OFFICE_HOUR = time(9)
"""Acts of a scenario happen at nine o'clock local time."""


@dataclass(frozen=True)
class Step:
    """One row of a scenario's table, with its line in the file."""

    line: int
    when: str
    role: str
    task: str
    values: str
    stops: str
    clocks: str


@dataclass(frozen=True)
class Scenario:
    procedure: str
    name: str
    basis: str
    line: int
    steps: tuple[Step, ...]


@dataclass
class Outcome:
    """`failures`: (line, what was expected and what was found)."""

    scenario: Scenario
    failures: list[tuple[int, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures


_COLUMNS = {
    "日期或第几日": "when",
    "岗位": "role",
    "任务": "task",
    "填写": "values",
    "随后停在": "stops",
    "时限": "clocks",
}


def read_scenarios(path: Path, processes: Mapping[str, Process]) -> list[Scenario]:
    """The scenarios of a file. The folder's name is the procedure, unless the heading says
    `## 场景（流程 id）: …`. Raises InvalidInput with the line."""
    sections: list[tuple[int, list[str]]] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("## "):
            sections.append((number, []))
        if sections:
            sections[-1][1].append(line)
    return [
        _read_section(path, start, lines, processes)
        for start, lines in sections
        if lines[0].startswith("## 场景")
    ]


def _read_section(
    path: Path, start: int, lines: list[str], processes: Mapping[str, Process]
) -> Scenario:
    procedure, name = _heading(lines[0], path, processes)
    basis, columns = "", list[str]()
    steps = []
    for number, line in enumerate(lines[1:], start + 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("依据"):
            basis = line.partition("：")[2] or line.partition(":")[2]
        elif not line.startswith("|") or set("".join(cells)) <= set("-: "):
            continue
        elif not columns:
            columns = [_column(path, number, cell) for cell in cells]
        else:
            row = dict.fromkeys(_COLUMNS.values(), "") | dict(zip(columns, cells, strict=False))
            steps.append(Step(line=number, **row))
    if not steps:
        raise _invalid(path, start, "这个场景没有表格。")
    return Scenario(procedure, name, basis.strip(), start, tuple(steps))


def _heading(heading: str, path: Path, processes: Mapping[str, Process]) -> tuple[str, str]:
    match = re.match(r"## 场景(?:[（(]([\w-]+)[）)])?\s*[:：]\s*(.+)", heading)
    if not match:
        raise _invalid(path, 0, f"标题应为“## 场景: 名称”，现在是“{heading}”。")
    procedure = match[1] or path.parent.name
    if procedure not in processes:
        raise _invalid(path, 0, f"没有流程“{procedure}”。")
    return procedure, match[2].strip()


def _column(path: Path, line: int, cell: str) -> str:
    if cell not in _COLUMNS:
        raise _invalid(path, line, f"不认识的列“{cell}”；可用的列：{'、'.join(_COLUMNS)}。")
    return _COLUMNS[cell]


def _invalid(path: Path, line: int, text: str) -> InvalidInput:
    return InvalidInput({str(line): [text]}, f"{path}:{line}: {text}")


class Stage:
    """A bureau of its own, deployed once, on which scenarios run one after another."""

    def __init__(self, packages: Mapping[str, Package]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="anjie-scenarios-")
        self.packages = packages
        self.bureau = Bureau(f"sqlite:///{self._folder.name}/scenarios.db")
        opened = datetime(2024, 1, 2, tzinfo=SHANGHAI)
        self.bureau.create(opened)
        files = {key: package.files for key, package in packages.items()}
        self.bureau.execute(c.Deploy(files), c.SYSTEM, opened)
        data = json.loads(packages["_shared"].files["bureau.json"])
        organisations, people = tuple(data["organisations"]), tuple(data["people"])
        self.bureau.execute(c.DefineBureau(organisations, people), c.SYSTEM, opened)
        self.holders: dict[tuple[str, str], str] = {
            (role["role"], role["organisation"]): person["id"]
            for person in reversed(people)
            for role in person["roles"]
        }
        self.processes = {
            k: p for package in packages.values() for k, p in package.processes.items()
        }

    def close(self) -> None:
        self.bureau.close()
        self._folder.cleanup()

    def run(self, scenario: Scenario) -> Outcome:
        """Run one scenario; it stops at its first failing row."""
        outcome = Outcome(scenario)
        performance = _Performance(self, scenario)
        for step in scenario.steps:
            try:
                performance.play(step)
            except _Failed as failed:
                outcome.failures.append((step.line, str(failed)))
            except InvalidInput as error:
                fields = "；".join(f"{k}：{' '.join(v)}" for k, v in error.fields.items())
                outcome.failures.append((step.line, f"{error.message} {fields}"))
            except EngineError as error:
                outcome.failures.append((step.line, error.message))
            if outcome.failures:
                break
        return outcome


class _Failed(Exception):
    """A row that did not come true."""


class _Performance:
    """One scenario being played."""

    def __init__(self, stage: Stage, scenario: Scenario) -> None:
        self.stage, self.scenario, self.bureau = stage, scenario, stage.bureau
        self.first: date | None = None
        self.now = datetime(1, 1, 1, tzinfo=SHANGHAI)
        self.case_id = 0

    def play(self, step: Step) -> None:
        self._move_to(step)
        if step.task == START:
            self._start(step)
        elif step.role == CLOCK:
            self._check_fired(step)
        elif step.task:
            self._act(step)
        self._check_stops(step)
        self._check_clocks(step)

    # time

    def _move_to(self, step: Step) -> None:
        day = self._day(step.when)
        moment = datetime.combine(day, OFFICE_HOUR, SHANGHAI)
        self.fired: list[str] = []
        if self.first is None:
            self.first, self.now = day, moment
        elif moment < self.now:
            raise _Failed(f"时间只能向前：{day} 早于上一行。")
        else:
            self.fired = advance(self.bureau, self.case_id, moment)
            self.now = moment

    def _day(self, when: str) -> date:
        numbered = re.fullmatch(r"第\s*(\d+)\s*日", when)
        if numbered and self.first:
            return self.first + timedelta(days=int(numbered[1]))
        if not when and self.first:
            return self.now.date()
        try:
            return date.fromisoformat(when)
        except ValueError:
            raise _Failed(f"日期应为 2025-08-04 或 第3日，现在是“{when}”。") from None

    def _check_fired(self, step: Step) -> None:
        wanted = _listed(step.task)
        names = [self._name(element) for element in self.fired]
        for name in wanted:
            if name not in names:
                raise _Failed(f"时间事件“{name}”没有发生；发生的是：{'、'.join(names) or '无'}。")

    def _name(self, element: str) -> str:
        for process in self.stage.processes.values():
            if element in process.elements:
                return process.elements[element].name
        return element

    # acts

    def _start(self, step: Step) -> None:
        values = _assignments(step.values, self._day)
        process = self.stage.processes[self.scenario.procedure]
        start = process.start
        if process.is_root:
            place = values.pop(start.organisation, "shi_xfj")
            actor = self._holder(start.role, place)
            package = self.bureau.library.package(
                *self.bureau.library.owner(self.scenario.procedure)
            )
            form = package.forms[start.get("form")]
            filled = form.sample(self._blank_scope(), values)
            command: c.Command = c.StartCase(self.scenario.procedure, filled, place)
        else:
            keys = self.bureau.library.shared.organisation_keys
            organisations = {k: str(v) for k, v in values.items() if k in keys}
            organisations.setdefault("office", "shi_xfj")
            rest = _nested({k: v for k, v in values.items() if k not in organisations})
            actor = c.SYSTEM
            command = c.SeedCase(self.scenario.procedure, rest, rest, organisations)
        self.case_id = self.bureau.execute(command, actor, self.now).case_id

    def _blank_scope(self) -> FormScope:
        return FormScope({}, self.now.date(), self.bureau.world.options)

    def _holder(self, role: str, organisation: str) -> str:
        person = self.stage.holders.get((role, organisation))
        if person is None:
            raise _Failed(f"示范局中没有人在 {organisation} 担任 {role}。")
        return person

    def _act(self, step: Step) -> None:
        name, _, place = step.task.rstrip("）)").replace("(", "（").partition("（")
        for item in self._open():
            if item.name == name and place in ("", self._organisation(item.organisation)):
                return self._complete(step, item)
        for wait in self._waits():
            if self._name(wait["element"]) == name:
                return self._deliver(step, wait)
        raise _Failed(f"没有待办任务或等待的消息“{step.task}”；现在停在：{self._stops()}。")

    def _complete(self, step: Step, item: InboxItem) -> None:
        self._check_role(step, item.role)
        actor = self._holder(item.role, item.organisation)
        address = c.ItemId.parse(item.id)
        case = self.bureau.look(address.case_id, actor, self.now)
        running = case.instances[address.instance]
        form = case.form(running, running.element(item.element))
        values = _assignments(step.values, self._day)
        if form is not None:
            values = form.sample(case.form_scope(running), values)
        if item.assignee is None:
            self.bureau.execute(c.ClaimTask(address), actor, self.now)
        self.bureau.execute(c.CompleteTask(address, values), actor, self.now)

    def _deliver(self, step: Step, wait: Mapping[str, Any]) -> None:
        actor = c.SYSTEM
        if wait["role"]:
            if step.role != "信访人":
                self._check_role(step, wait["role"])
            actor = self._holder(wait["role"], wait["organisation"])
        case = self.bureau.look(self.case_id, actor, self.now)
        running = case.instances[wait["instance_no"]]
        form = case.form(running, running.element(wait["element"]))
        values = _assignments(step.values, self._day)
        if form is not None:
            values = form.sample(case.form_scope(running), values)
        command = c.CorrelateMessage(wait["message"], wait["correlation_key"], values)
        self.bureau.execute(command, actor, self.now)

    def _check_role(self, step: Step, role: str) -> None:
        expected = str(self.bureau.library.shared.roles[role]["zh"])
        if step.role != expected:
            raise _Failed(f"岗位应为“{expected}”，场景写的是“{step.role}”。")

    # what is open

    def _open(self) -> list[InboxItem]:
        return self.bureau.queries.open_items(self.case_id)

    def _waits(self) -> list[Mapping[str, Any]]:
        return self.bureau.queries.waits_of(self.case_id)

    def _organisation(self, key: str) -> str:
        return str(self.bureau.world.organisations[key].zh)

    def _stops(self) -> str:
        names = [item.name for item in self._open()]
        names += [self._name(wait["element"]) for wait in self._waits()]
        return "、".join(names) or END

    def _check_stops(self, step: Step) -> None:
        wanted = _listed(step.stops)
        if not wanted:
            return
        found = _listed(self._stops())
        closing = re.fullmatch(rf"{END}(?:（(.+)）)?", wanted[0])
        if closing:
            if found != [END]:
                raise _Failed(f"应已结束；现在停在：{'、'.join(found)}。")
            self._check_status(closing[1])
            return
        if {_bare(name) for name in wanted} != set(found):
            raise _Failed(f"应停在：{'、'.join(wanted)}；现在停在：{'、'.join(found)}。")
        # One name stands for all organisations of a multi-instance task, never for two tokens.
        offered = Counter(
            (item.name, c.ItemId.parse(item.id).instance, item.element, item.organisation)
            for item in self._open()
        )
        if doubled := [name for (name, *_), count in offered.items() if count > 1]:
            raise _Failed(f"同一个机关有两份：{'、'.join(doubled)}。")

    def _check_status(self, wanted: str | None) -> None:
        if wanted is None:
            return
        status = self.bureau.queries.status(self.case_id)
        found = self.bureau.library.shared.code("status", status, "zh")
        if wanted not in (found, status):
            raise _Failed(f"状态应为“{wanted}”，现在是“{found}”。")

    def _check_clocks(self, step: Step) -> None:
        for pair in _listed(step.clocks):
            key, _, wanted = pair.partition("=")
            found = self._clock(key.strip())
            if wanted.strip() != found:
                raise _Failed(f"时限 {key} 应为 {wanted}，现在是 {found}。")

    def _clock(self, key: str) -> str:
        if key not in self.bureau.library.shared.catalogue:
            raise _Failed(f"时限目录里没有“{key}”。")
        rows = [r for r in self.bureau.queries.clocks_of(self.case_id) if r["clock"] == key]
        if not rows:
            return "无"
        last = rows[-1]
        words = {"met": "办结", "cancelled": "撤销", "replaced": "撤销"}
        return str(words.get(last["status"], last["legal_due"]))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[、；;]", text) if part.strip()]


def _bare(name: str) -> str:
    return re.sub(r"[（(].*[）)]$", "", name)


def _assignments(text: str, day: Any) -> dict[str, Any]:
    """`字段=值；字段=值`: numbers, true/false, `第N日`, [lists] and texts, which may be
    quoted so that `"6"` is no number."""
    values: dict[str, Any] = {}
    for part in re.split(r"[；;]", text):
        if not part.strip():
            continue
        name, sign, value = part.partition("=")
        if not sign:
            raise _Failed(f"填写应为“字段=值”，现在是“{part.strip()}”。")
        values[name.strip()] = _value(value.strip(), day)
    return values


def _value(text: str, day: Any) -> Any:
    if re.fullmatch(r"第\s*\d+\s*日", text):
        return day(text).isoformat()
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("[") and text.endswith("]"):
        return [part.strip() for part in re.split(r"[,，]", text[1:-1]) if part.strip()]
    if re.fullmatch(r"-?\d{1,9}", text):
        return int(text)
    if quoted := re.fullmatch(r'["“](.*)["”]', text):
        return quoted[1]
    return text


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`claims[1].request` becomes rows of a list."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        match = re.fullmatch(r"(\w+)\[(\d+)\]\.(\w+)", name)
        if match is None:
            nested[name] = value
            continue
        rows = nested.setdefault(match[1], [])
        while len(rows) < int(match[2]):
            rows.append({})
        rows[int(match[2]) - 1][match[3]] = value
    return nested


def find_scenarios(root: Path, packages: Mapping[str, Package]) -> Iterator[Scenario]:
    """Every scenario below a folder or in a file, in the order of the files."""
    processes = {k: p for package in packages.values() for k, p in package.processes.items()}
    files = [root] if root.is_file() else sorted(root.rglob("scenarios.md"))
    if not files:
        raise NotFound(f"There is no scenarios.md below {root}.")
    for file in files:
        yield from read_scenarios(file, processes)


def stage_for(path: Path) -> Stage:
    """A stage with all packages of the library to which `path` belongs."""
    return Stage(read_packages(library_root(path)))
