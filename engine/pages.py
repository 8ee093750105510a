"""What a page shows of one case, task or message, read together. Nothing here writes.

A form's conditions, options and checks need the live case, so it is loaded here and thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.casefile import Case, Running
from engine.clocks import in_words, local_date
from engine.commands import ItemId
from engine.definitions import Element
from engine.errors import Conflict, NotAllowed, NotFound
from engine.execute import Bureau
from engine.expressions import compile_expression
from engine.forms import Component, Field, Form, FormScope, Note, Option
from engine.handlers import open_item
from engine.messages import Lang
from engine.outside import Moment, Outside, World
from engine.queries import InboxItem, Person
from engine.store import read_instant
from engine.story import (
    CasePage,
    Entry,
    Fact,
    FactGroup,
    InstanceView,
    Letter,
    Step,
    letter_of,
    tell,
    template_of,
)

HISTORY = 100_000
"""Rows of history read for one case page; the longest case known has a few hundred."""


@dataclass(frozen=True)
class FormView:
    """A form as it stands in a case at a moment: what to show at first, and what to hold it to."""

    form: Form
    scope: FormScope
    initial: Mapping[str, Any]

    def visible(self, values: Mapping[str, Any]) -> set[str]:
        """Keys of what is shown for these values (`claims.0.request` for a column)."""
        return self.form.visible(values, self.scope)

    def options(self, field: Field) -> Sequence[Option]:
        return self.scope.options_of(field)

    def errors(self, raw: Mapping[str, Any], lang: Lang) -> dict[str, list[str]]:
        """What is wrong with these values, by dotted key, in the reader's language."""
        faults = self.form.faults(raw, self.scope)
        return {key: [message.text(lang) for message in found] for key, found in faults.items()}

    @property
    def controls(self) -> frozenset[str]:
        """Keys of the fields on whose values it depends what else is shown."""
        keys = {field.key for field in self.form.fields}
        named: set[str] = set()
        for component in _every(self.form.components):
            if component.hide:
                named |= compile_expression(component.hide).names
        return frozenset(named & keys)


@dataclass(frozen=True)
class TaskPage:
    """An open work item with its form (None: it is only to be confirmed)."""

    item: InboxItem
    element: Element
    form: FormView | None


@dataclass(frozen=True)
class MessagePage:
    """An event that waits for a message, with the form of what the message brings."""

    wait: Mapping[str, Any]
    element: Element
    form: FormView | None


@dataclass(frozen=True)
class Startable:
    """A procedure that somebody may start, to choose from."""

    procedure: str
    name: str


@dataclass(frozen=True)
class StartPage:
    """A procedure that somebody may start at an organisation."""

    procedure: str
    name: str
    element: Element
    form: FormView | None


@dataclass(frozen=True)
class OpenIncident:
    """An incident that waits for an administrator. `at`: a UTC instant."""

    case_no: str
    title: str
    no: int
    at: str
    message: str


class Pages:
    """Reads for pages of one bureau."""

    def __init__(self, bureau: Bureau) -> None:
        self._bureau = bureau

    @property
    def world(self) -> World:
        return self._bureau.world

    # forms

    def task(self, item: ItemId, person: Person, now: datetime) -> TaskPage:
        """Raises NotFound, NotAllowed, or Conflict when it was finished meanwhile."""
        row = self._bureau.queries.item(item, person)
        case = self._bureau.look(item.case_id, person.id, now)
        running, element, value = open_item(case, item.instance, item.number)
        collect = element.get("collect")
        doc = _own_entry(case.doc, collect, value) if collect else case.doc
        return TaskPage(row, element, _form_view(case, running, element, doc))

    def message(
        self, case_id: int, instance: int, number: int, person: Person, now: datetime
    ) -> MessagePage:
        """Raises NotFound, NotAllowed, or Conflict when the case no longer waits."""
        view = self._bureau.queries.case(case_id, person)
        for wait in view.waits:
            if (wait["instance_no"], wait["number"]) == (instance, number):
                break
        else:
            raise Conflict("The case no longer waits for this message. Load the case again.")
        if (wait["role"], wait["organisation"]) not in person.roles:
            raise NotAllowed("This message is taken in by a role that you do not hold.")
        case = self._bureau.look(case_id, person.id, now)
        running = case.instances[instance]
        element = running.element(wait["element"])
        return MessagePage(wait, element, _form_view(case, running, element, {}))

    def startable(self, person: Person) -> list[Startable]:
        """The procedures that a person may start as a case, by their ids."""
        library = self._bureau.library
        starts = {
            key: process
            for package in map(library.package, library.latest)
            for key, process in package.processes.items()
        }
        return [
            Startable(key, process.name)
            for key, process in sorted(starts.items())
            if process.is_root and person.has(process.start.role)
        ]

    def start(self, procedure: str, person: Person, now: datetime) -> StartPage:
        """Raises NotFound or, for whoever holds the role nowhere, NotAllowed."""
        self._bureau.refresh()
        package, version = self._bureau.library.owner(procedure)
        process = self._bureau.library.package(package, version).processes[procedure]
        element = process.start
        if not process.is_root or not person.has(element.role):
            raise NotAllowed("Starting this procedure is for a role that you do not hold.")
        case = Case(0, "", self._bureau.library)
        case.begin(Moment(now, person.id, Outside(self._bureau.world)))
        form = self._bureau.library.package(package, version).forms.get(element.get("form"))
        view = FormView(form, case.form_scope(None), {}) if form else None
        return StartPage(procedure, process.name, element, view)

    # cases

    def incidents(self, person: Person) -> list[OpenIncident]:
        """The open incidents of the cases that a person may look at, oldest first."""
        found = []
        for row in self._bureau.queries.incidents():
            try:
                case = self._bureau.queries.case(row["case_id"], person).row
            except (NotFound, NotAllowed):
                continue
            told = (case["case_no"], case["title"], row["no"], row["at"], row["message"])
            found.append(OpenIncident(*told))
        return found

    def case(self, case_id: int, person: Person) -> CasePage:
        """Everything of one case. Raises NotFound or NotAllowed."""
        view = self._bureau.queries.case(case_id, person)
        rows = self._bureau.queries.history(case_id, limit=HISTORY)
        try:
            return tell(view, rows, self.world)
        except NotFound:
            self._bureau.refresh()
            return tell(view, rows, self.world)

    def letters(self, page: CasePage) -> set[int]:
        """The numbers of the documents that there is a template for."""
        numbers = [document["no"] for document in page.view.documents]
        return {no for no in numbers if template_of(page, no, self.world) is not None}

    def letter(self, page: CasePage, number: int) -> Letter:
        """A document as it was issued. Raises NotFound without it or a template for its kind."""
        return letter_of(page, number, self.world)


# forms -------------------------------------------------------------------------------------------


def _every(components: Iterable[Component]) -> Iterator[Component]:
    for component in components:
        yield component
        if isinstance(component, Field):
            yield from _every(component.components)


def _own_entry(doc: Mapping[str, Any], collect: str, item: str | None) -> Mapping[str, Any]:
    """What this organisation itself collected before; what others filled in stays theirs."""
    mine = [e for e in doc.get(collect, ()) if e.get("organisation") == item]
    lists = {k: v for k, v in doc.items() if isinstance(v, list)}
    return {**lists, **(mine[-1] if mine else {})}


def _form_view(
    case: Case, running: Running, element: Element, doc: Mapping[str, Any]
) -> FormView | None:
    form = case.form(running, element)
    if form is None:
        return None
    return FormView(form, case.form_scope(running), form.initial(doc))


__all__ = [
    "CasePage",
    "Entry",
    "Fact",
    "FactGroup",
    "Field",
    "FormView",
    "InstanceView",
    "Letter",
    "MessagePage",
    "Note",
    "OpenIncident",
    "Pages",
    "StartPage",
    "Startable",
    "Step",
    "TaskPage",
    "in_words",
    "local_date",
    "read_instant",
]
