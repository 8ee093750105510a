"""Commands about the bureau itself: deployments, people and organisations, sessions.

Deployments and people are events of the bureau's own chain (case 0); sessions and failed log-ins
are no part of any history.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from engine import commands as c
from engine import history, store
from engine.access import Access
from engine.checks import check_packages, errors_among
from engine.definitions import SHARED, Library, Package, Shared, next_versions
from engine.errors import InvalidDefinition, InvalidInput, NotFound
from engine.lookups import Lookups
from engine.plan import Plan, Writer
from engine.store import BUREAU, instant


class Administration:
    """Executes the bureau's own commands; `refresh` reads what they changed,
    `roles_changed` acts on it."""

    def __init__(
        self,
        database: Engine,
        lookups: Lookups,
        writer: Writer,
        access: Access,
        library: Library,
        refresh: Callable[[], None],
        roles_changed: Callable[[datetime], None],
    ) -> None:
        self._database, self._lookups, self._writer = database, lookups, writer
        self._access, self._library, self._refresh = access, library, refresh
        self._roles_changed = roles_changed
        self.commands: dict[type[c.Command], Callable[[Any, str, datetime], c.Result]] = {
            c.Deploy: self._deploy,
            c.DefineBureau: self._define_bureau,
            c.OpenSession: self._open_session,
            c.CloseSession: self._close_session,
            c.EndSessions: self._end_sessions,
            c.RecordFailedLogIn: self._record_failed_log_in,
        }

    def _deploy(self, command: c.Deploy, actor: str, now: datetime) -> c.Result:
        self._access.require_engine_or_role(actor, "analyst")
        self._refresh()
        packages = [Package.of(key, files) for key, files in sorted(command.packages.items())]
        changed = next_versions(self._library, packages)
        if not changed:
            return c.Result(BUREAU, 0)
        self._pass_gate([package for package, _ in changed])
        events = []
        for package, version in changed:
            data = {"package": package.key, "version": version, "hash": package.hash}
            data |= {"files": dict(package.files), "by": actor}
            events.append(("package_deployed", data))
        result = self._append_bureau("Deploy", events, actor, now, command)
        self._refresh()
        return result

    def _pass_gate(self, changed: list[Package]) -> None:
        """Refuse what would run wrongly or break what is in force. Raises InvalidDefinition.

        A fault that was in force before, found by a rule younger than it, holds up nobody else.
        """
        before = {key: self._library.package(key) for key in self._library.latest}
        after = before | {package.key: package for package in changed}
        found = errors_among(check_packages(after, _shared_of(after)))
        keys = {package.key for package in changed}
        if found and SHARED in before and SHARED not in keys:
            known = set(check_packages(before, _shared_of(before)))
            found = [p for p in found if p.package in keys or p not in known]
        if found:
            raise InvalidDefinition(found)

    def _define_bureau(self, command: c.DefineBureau, actor: str, now: datetime) -> c.Result:
        self._access.require_engine_or_role(actor, "administrator")
        self._check_register(command)
        events: list[tuple[str, dict[str, Any]]] = [
            ("organisation_defined", dict(row)) for row in command.organisations
        ]
        events += self._ended_roles(command)
        for row in command.people:
            public = {k: v for k, v in row.items() if k != "password_hash"}
            events.append(("person_defined", public))
        secret = {
            row["id"]: {"zh": row["zh"], "en": row["en"], "password_hash": row["password_hash"]}
            for row in command.people
            if "password_hash" in row
        }
        result = self._append_bureau("DefineBureau", events, actor, now, command, secret)
        for person in secret:
            self._end_sessions(c.EndSessions(person), actor, now)
        self._refresh()
        self._roles_changed(now)
        return result

    def _ended_roles(self, command: c.DefineBureau) -> list[tuple[str, dict[str, Any]]]:
        given = {
            (row["id"], role["organisation"], role["role"])
            for row in command.people
            for role in row["roles"]
        }
        ended: dict[str, list[dict[str, str]]] = {}
        for person, place, role in self._lookups.roles_of(row["id"] for row in command.people):
            if (person, place, role) not in given:
                ended.setdefault(person, []).append({"organisation": place, "role": role})
        return [("roles_ended", {"id": person, "roles": roles}) for person, roles in ended.items()]

    def _check_register(self, command: c.DefineBureau) -> None:
        """Raises InvalidInput that names each row which cannot be used, and why."""
        places = {*self._lookups.organisations()}
        places |= {row["id"] for row in command.organisations if isinstance(row.get("id"), str)}
        faults: dict[str, list[str]] = {}
        for number, row in enumerate(command.organisations):
            faults[f"organisations.{number}"] = _faults_of_row(row, "kind")
            if row.get("parent") not in (None, *places):
                faults[f"organisations.{number}"].append(f"no organisation «{row['parent']}»")
        for number, row in enumerate(command.people):
            faults[f"people.{number}"] = _faults_of_row(row)
            faults[f"people.{number}"] += self._faults_of_roles(row.get("roles"), places)
        found = {where: texts for where, texts in faults.items() if texts}
        if found:
            raise InvalidInput(found, "The organisations and people cannot be used as given.")

    def _faults_of_roles(self, roles: Any, places: set[str]) -> list[str]:
        if not isinstance(roles, list | tuple) or not all(isinstance(r, Mapping) for r in roles):
            return ["expected roles, a list of {role, organisation}"]
        faults = []
        for role in roles:
            if str(role.get("role")) not in self._library.shared.roles:
                faults.append(f"no role «{role.get('role')}» in roles.json")
            if str(role.get("organisation")) not in places:
                faults.append(f"no organisation «{role.get('organisation')}»")
        return faults

    def _append_bureau(
        self,
        kind: str,
        events: list[tuple[str, dict[str, Any]]],
        actor: str,
        now: datetime,
        command: c.Command,
        secret: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> c.Result:
        plan = Plan(BUREAU, None)
        history.apply(history.PlanRows(plan, {}), events, instant(now))
        for person, values in (secret or {}).items():
            plan.put("person", (person,), values)
        payload = history.payload({"type": kind}, {}, events, None)
        plan.event = history.row(BUREAU, now, actor, kind, payload)
        plan.keep_key(actor, command)
        seq = self._writer.write(plan)
        if seq is None:
            raise NotFound("The bureau has no chain yet. Run `anjie init`.")
        return c.Result(BUREAU, seq)

    def _open_session(self, command: c.OpenSession, actor: str, now: datetime) -> c.Result:
        row = {
            "token_hash": command.token_hash,
            "person": command.person,
            "kind": command.kind,
            "expires_at": instant(now + timedelta(days=command.days)),
        }
        with self._database.begin() as connection:
            connection.execute(
                delete(store.session).where(store.session.c.expires_at < instant(now))
            )
            connection.execute(insert(store.session).values(row))
        return c.Result(BUREAU, 0)

    def _close_session(self, command: c.CloseSession, actor: str, now: datetime) -> c.Result:
        with self._database.begin() as connection:
            connection.execute(
                delete(store.session).where(store.session.c.token_hash == command.token_hash)
            )
        return c.Result(BUREAU, 0)

    def _end_sessions(self, command: c.EndSessions, actor: str, now: datetime) -> c.Result:
        t = store.session
        these = [t.c.person == command.person]
        if command.kind is not None:
            these.append(t.c.kind == command.kind)
        with self._database.begin() as connection:
            connection.execute(delete(t).where(*these))
        return c.Result(BUREAU, 0)

    def _record_failed_log_in(
        self, command: c.RecordFailedLogIn, actor: str, now: datetime
    ) -> c.Result:
        table = store.log_in_failure
        with self._database.begin() as connection:
            connection.execute(delete(table).where(table.c.at < instant(now - timedelta(days=1))))
            seen = select(table.c.at).where(
                table.c.name == command.name, table.c.at == instant(now)
            )
            if connection.execute(seen).first() is None:
                connection.execute(insert(table).values(name=command.name, at=instant(now)))
        return c.Result(BUREAU, 0)


_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _faults_of_row(row: Mapping[str, Any], *more: str) -> list[str]:
    name = row.get("id")
    faults = []
    if not isinstance(name, str) or not _ID.fullmatch(name):
        faults.append(f"expected an id of 1 to 64 letters, digits, _ . or -, found {name!r}")
    if name in (c.TIMER, c.SYSTEM):
        faults.append(f"the id «{name}» is the engine's own")
    missing = [key for key in ("zh", "en", *more) if not isinstance(row.get(key), str)]
    return faults + [f"expected {key}, a text" for key in missing]


def _shared_of(packages: Mapping[str, Package]) -> Shared:
    if SHARED not in packages:
        raise NotFound("No shared package comes with this; deploy `processes/` first.")
    return Shared(packages[SHARED])
