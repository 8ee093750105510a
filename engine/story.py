"""A case told from its rows and its history: facts, timeline, marks on its diagrams, letters.

Pure: what is read is given, in the versions of the definitions that the case runs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from engine.clocks import local_date
from engine.commands import ItemId
from engine.definitions import Element, Library, Organisation, Package
from engine.errors import NotFound
from engine.forms import Field, Form
from engine.outside import World
from engine.queries import CaseView
from engine.store import read_instant

Row = Mapping[str, Any]
Event = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Fact:
    """A value of the case document in words; `rows` instead of `value` for a list."""

    key: str
    label: str
    value: str | bool
    rows: tuple[tuple[Fact, ...], ...] = ()


@dataclass(frozen=True)
class FactGroup:
    """The facts that one step of the case brought."""

    name: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Entry:
    """One command of the history: when, who, what, at which element, and what followed.

    `at` is a UTC instant, `day` the local date. `name` is the element's or the task's name.
    """

    seq: int
    at: datetime
    day: date
    actor: str
    type: str
    name: str
    basis: str
    instance: int | None
    events: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Step:
    """An element of a diagram that was passed or is open; `mark` as on the diagram."""

    element: Element
    mark: str


@dataclass(frozen=True)
class InstanceView:
    """A process instance with its marks: element id -> done | cancelled | active | incident."""

    no: int
    name: str
    status: str
    depth: int
    marks: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class CasePage:
    view: CaseView
    facts: tuple[FactGroup, ...]
    entries: tuple[Entry, ...]
    instances: tuple[InstanceView, ...]

    @property
    def claims(self) -> Fact | None:
        """What the petitioner asks for; with the result of each once there is an opinion."""
        known = {fact.key: fact for group in self.facts for fact in group.facts}
        return known.get("claim_opinions") or known.get("claims")

    def element(self, instance: int, element: str) -> Element | None:
        """An element of an instance that was passed or is open."""
        for found in self.instances:
            for step in found.steps:
                if found.no == instance and step.element.id == element:
                    return step.element
        return None


@dataclass(frozen=True)
class Letter:
    """What a document's template is rendered with: the case document and clocks of its day."""

    template: str
    row: Mapping[str, Any]
    issuer: Organisation
    doc: Mapping[str, Any]
    clocks: Mapping[str, Mapping[str, Any]]
    organisations: Mapping[str, Organisation]


def tell(view: CaseView, rows: Sequence[Row], world: World) -> CasePage:
    """The page of a case from its rows and its history. Raises NotFound for a version missing."""
    elements = Elements(view, world.library)
    return CasePage(
        view,
        tuple(_facts(view, rows, elements, world)),
        tuple(_entries(rows, elements)),
        tuple(_instances(view, rows, elements)),
    )


class Elements:
    """The elements and forms of a case's instances, each in the version it runs on."""

    def __init__(self, view: CaseView, library: Library) -> None:
        self._instances = {row["no"]: row for row in view.instances}
        self._library = library

    def package(self, instance: int) -> Package:
        row = self._instances[instance]
        return self._library.package(row["package"], row["version"])

    def all(self, instance: int) -> Mapping[str, Element]:
        return self.package(instance).processes[self._instances[instance]["process"]].elements

    def process_name(self, instance: int) -> str:
        return self.package(instance).processes[self._instances[instance]["process"]].name

    def get(self, instance: int | None, element: str | None) -> Element | None:
        if instance is None or element is None or instance not in self._instances:
            return None
        return self.all(instance).get(element)

    def start(self) -> Element:
        return self.package(0).processes[self._instances[0]["process"]].start

    def form(self, instance: int, element: Element) -> Form | None:
        return self.package(instance).forms.get(element.get("form"))

    def package_of(self, element: str) -> Package | None:
        for no in self._instances:
            if element in self.all(no):
                return self.package(no)
        return None


# facts -------------------------------------------------------------------------------------------


def _facts(
    view: CaseView, rows: Sequence[Mapping[str, Any]], elements: Elements, world: World
) -> Iterator[FactGroup]:
    """The document by the steps that wrote its keys last, in the order of the forms."""
    writers: dict[str, int] = {}
    for row in rows:
        for kind, data in (row["payload"] or {}).get("events", ()):
            if kind == "doc_changed":
                writers |= dict.fromkeys(data["values"], row["seq"])
            elif kind == "doc_collected":
                writers[data["into"]] = row["seq"]
    for row in rows:
        started = row["type"] == "StartCase"
        element = elements.start() if started else elements.get(row["instance_no"], row["element"])
        form = elements.form(row["instance_no"] or 0, element) if element else None
        if form is None or element is None:
            continue
        collect = element.get("collect")
        fields = _collected(collect, element, form) if collect else form.fields
        own = [field for field in fields if writers.get(field.key) == row["seq"]]
        facts = [fact for f in own if (fact := _fact(f, view.doc.get(f.key), world))]
        if facts:
            yield FactGroup(element.name, tuple(facts))


def _collected(key: str, element: Element, form: Form) -> tuple[Field, ...]:
    # The page names these two, which no form has, in the reader's language.
    organisation = Field("organisation", "select", "", source="organisations:*")
    columns = (organisation, *form.fields, Field("on", "datetime", ""))
    return (Field(key, "dynamiclist", element.name, components=columns),)


def _fact(field: Field, value: Any, world: World) -> Fact | None:
    if value is None or value == []:
        return None
    if field.kind == "dynamiclist":
        rows = tuple(
            tuple(f for column in field.columns if (f := _fact(column, row.get(column.key), world)))
            for row in value
            if isinstance(row, dict)
        )
        return Fact(field.key, field.label, "", rows)
    if isinstance(value, bool):
        return Fact(field.key, field.label, value)
    options = world.options(field.source) if field.source else field.options
    labels = {option.value: option.label for option in options}
    parts = value if isinstance(value, list) else [value]
    return Fact(
        field.key, field.label, "、".join(labels.get(str(part), str(part)) for part in parts)
    )


# letters -----------------------------------------------------------------------------------------


def template_of(page: CasePage, number: int, world: World) -> str | None:
    """The letter of a document's kind in the package that issued it, else the shared one."""
    found = _document(page, number)
    package = Elements(page.view, world.library).package_of(found["element"])
    own = package.letter(found["kind"]) if package else None
    return own or world.shared.package.letter(found["kind"])


def letter_of(page: CasePage, number: int, world: World) -> Letter:
    """A document with the case as it stood when it was issued, not as it stands now.

    Raises NotFound without the document or a template for its kind.
    """
    found, template = _document(page, number), template_of(page, number, world)
    if template is None:
        raise NotFound(f"There is no letter template for {found['kind']}.")
    doc: dict[str, Any] = {}
    clocks: dict[str, dict[str, Any]] = {}
    organisations = {"office": page.view.row["org_office"]}
    for kind, data in _until_issued(page.entries, number):
        if kind == "doc_changed":
            doc |= data["values"]
        elif kind == "doc_collected":
            doc[data["into"]] = [*doc.get(data["into"], []), data["entry"]]
        elif kind.startswith("clock_"):
            clocks[data["clock"]] = {**clocks.get(data["clock"], {}), **data}
        elif kind == "organisation_set":
            organisations[data["key"]] = data["organisation"]
    issuer = world.organisations[found["organisation"]]
    return Letter(template, found, issuer, doc, clocks, _organisations(organisations, world))


def _document(page: CasePage, number: int) -> Row:
    for found in page.view.documents:
        if found["no"] == number:
            return found
    raise NotFound(f"The case has no document {number}.")


def _until_issued(entries: Iterable[Entry], number: int) -> Iterator[Event]:
    """The events up to the end of the command that issued the document."""
    for entry in entries:
        yield from entry.events
        if any(kind == "document_issued" and e["no"] == number for kind, e in entry.events):
            return


def _organisations(known: Mapping[str, str | None], world: World) -> dict[str, Organisation]:
    """The organisations behind the keys that are set, and those derived from them."""
    found = {key: world.organisations[o] for key, o in known.items() if o is not None}
    for key, rule in world.shared.organisation_keys.items():
        below = found.get(rule.get("parentOf") or rule.get("of") or "")
        if below is None or key in found:
            continue
        near = rule.get("nearest")
        above = world.nearest(near, below.id) if near else below.parent
        if above:
            found[key] = world.organisations[above]
    return found


# timeline ----------------------------------------------------------------------------------------


def _entries(rows: Sequence[Mapping[str, Any]], elements: Elements) -> Iterator[Entry]:
    names: dict[tuple[int, int], str] = {}
    for row in rows:
        events = [(kind, data) for kind, data in (row["payload"] or {}).get("events", ())]
        for kind, data in events:
            if kind == "task_created":
                names[data["instance"], data["number"]] = data["name"]
        element = elements.get(row["instance_no"], row["element"])
        at = read_instant(row["at"])
        yield Entry(
            seq=row["seq"],
            at=at,
            day=local_date(at),
            actor=row["actor"],
            type=row["type"],
            name=element.name if element else _named(events, names),
            basis=element.get("legalBasis") if element else "",
            instance=row["instance_no"],
            events=tuple((kind, _with_name(data, names)) for kind, data in events),
        )


def _named(
    events: Iterable[tuple[str, Mapping[str, Any]]], names: Mapping[tuple[int, int], str]
) -> str:
    """The name of the task that was claimed or released."""
    for kind, data in events:
        if kind in ("task_claimed", "task_released"):
            return names.get((data["instance"], data["number"]), "")
    return ""


def _with_name(data: Mapping[str, Any], names: Mapping[tuple[int, int], str]) -> Mapping[str, Any]:
    name = names.get((data.get("instance", -1), data.get("number", -1)))
    return {**data, "name": name} if name and "name" not in data else data


# diagrams ----------------------------------------------------------------------------------------


def _instances(
    view: CaseView, rows: Sequence[Mapping[str, Any]], elements: Elements
) -> Iterator[InstanceView]:
    marks: dict[int, dict[str, str]] = {row["no"]: {} for row in view.instances}
    for row in rows:
        for kind, data in (row["payload"] or {}).get("events", ()):
            if kind == "elements_passed":
                found = marks[data["instance"]]
                found |= dict.fromkeys(data["cancelled"], "cancelled")
                found |= dict.fromkeys(data["done"], "done")
    for instance, element in _open_elements(view):
        marks[instance][element] = "active"
    depths: dict[int, int] = {}
    for row in view.instances:
        depths[row["no"]] = depths.get(row["parent"], -1) + 1
        known = elements.all(row["no"])
        yield InstanceView(
            row["no"],
            elements.process_name(row["no"]),
            row["status"],
            depths[row["no"]],
            marks[row["no"]],
            tuple(
                Step(known[key], mark)
                for key, mark in marks[row["no"]].items()
                if key in known and known[key].type != "sequenceFlow"
            ),
        )


def _open_elements(view: CaseView) -> Iterator[tuple[int, str]]:
    for item in view.items:
        yield ItemId.parse(item.id).instance, item.element
    for row in (*view.waits, *view.timers):
        yield row["instance_no"], row["element"]
    for row in view.instances:
        if row["status"] == "running" and row["parent"] is not None:
            yield row["parent"], row["parent_element"]
