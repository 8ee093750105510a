"""Packages of definitions: reading `processes/`, hashing, compiling, versions in force.

A package is one folder of `processes/`: its diagrams, decisions, forms and letters form one
version, named by the hash of their contents. `_shared` is the package of what all use.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.calendar import Calendar
from engine.clocks import Catalogue
from engine.decisions import Decision, Decisions
from engine.errors import InvalidDefinition, NotFound, Problem
from engine.forms import Form
from engine.spiff import Element, Process, parse_processes

SHARED = "_shared"
MAX_FILE = 2_000_000
"""Bytes of a file of a package."""
SUFFIXES = (".bpmn", ".dmn", ".form", ".html", ".json")


@dataclass(frozen=True)
class Package:
    """The files of one folder; equal contents have equal hashes."""

    key: str
    files: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, key: str, files: Mapping[str, str]) -> Package:
        """The package with this content; one object a content, so that it is compiled once."""
        package = cls(key, files)
        return _known.setdefault(package.hash, package)

    @cached_property
    def hash(self) -> str:
        listing = {name: _sha256(text) for name, text in sorted(self.files.items())}
        return _sha256(json.dumps([self.key, listing], sort_keys=True))

    @cached_property
    def processes(self) -> Mapping[str, Process]:
        """Compiled processes by id. Raises InvalidDefinition."""
        found: dict[str, Process] = {}
        for name in self._named(".bpmn"):
            found |= parse_processes(self.files[name], f"{self.key}/{name}")
        return found

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        forms = [Form.parse(self.files[name]) for name in self._named(".form")]
        return {form.id: form for form in forms}

    @cached_property
    def decisions(self) -> Mapping[str, Decision]:
        found: dict[str, Decision] = {}
        for name in self._named(".dmn"):
            found |= Decisions.parse(self.files[name].encode())
        return found

    @cached_property
    def diagrams(self) -> Mapping[str, str]:
        """BPMN XML by process id."""
        return {
            process: self.files[name]
            for name in self._named(".bpmn")
            for process in parse_processes(self.files[name])
        }

    def letter(self, kind: str) -> str | None:
        """The template of a document kind (`D13`)."""
        return self.files.get(f"letters/{kind}.html")

    def _named(self, suffix: str) -> list[str]:
        return sorted(name for name in self.files if name.endswith(suffix))


_known: dict[str, Package] = {}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_packages(folder: Path) -> dict[str, Package]:
    """Every package below a folder of procedures. Raises InvalidDefinition."""
    packages = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = {}
        for file in sorted(path.rglob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                files[file.relative_to(path).as_posix()] = read_text(file)
        if files:
            packages[path.name] = Package.of(path.name, files)
    return packages


def library_root(path: Path) -> Path:
    """The folder that holds `_shared`, at or above `path`. Raises NotFound."""
    for folder in (path, *path.resolve().parents):
        if (folder / SHARED).is_dir():
            return folder
    raise NotFound(f"No folder with {SHARED} at or above {path}; expected one like processes/.")


def read_text(file: Path) -> str:
    """The text of a definition. Raises InvalidDefinition for one that is too large or no UTF-8."""
    size = file.stat().st_size
    if size > MAX_FILE:
        message = f"{file.name} has {size} bytes, more than {MAX_FILE}."
        raise InvalidDefinition([Problem("too_large", None, message, "Split it.")])
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise InvalidDefinition(
            [Problem("encoding", None, f"{file.name} is not UTF-8.", "Save it as UTF-8.")]
        ) from None


@dataclass(frozen=True)
class Organisation:
    id: str
    zh: str
    en: str
    kind: str
    parent: str | None


@dataclass(frozen=True)
class Shared:
    """What all procedures use, read from the package `_shared`."""

    package: Package

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self.package.files[name])
        except KeyError:
            raise NotFound(
                f"The shared package has no {name}; deploy `processes/` whole."
            ) from None
        except json.JSONDecodeError as error:
            problem = Problem("json", name, f"{name}: {error}.", "Correct the file.")
            raise InvalidDefinition([problem]) from None

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.load(self._json("clocks.json"))

    @cached_property
    def calendar(self) -> Calendar:
        return Calendar.load(self._json("calendar.json"))

    @cached_property
    def roles(self) -> Mapping[str, Mapping[str, str]]:
        roles: Mapping[str, Mapping[str, str]] = self._json("roles.json")
        return roles

    @cached_property
    def organisation_keys(self) -> Mapping[str, Mapping[str, str]]:
        keys: Mapping[str, Mapping[str, str]] = self._json("organisations.json")
        return keys

    @cached_property
    def documents(self) -> Mapping[str, Mapping[str, str]]:
        documents: Mapping[str, Mapping[str, str]] = self._json("documents.json")
        return documents

    @cached_property
    def codes(self) -> Mapping[str, list[Mapping[str, str]]]:
        codes: Mapping[str, list[Mapping[str, str]]] = self._json("codes.json")
        return codes

    def code(self, table: str, value: str | None, lang: str) -> str:
        """A code in words; the code itself where the table does not know it."""
        for row in self.codes.get(table, ()):
            if row["value"] == value:
                return row["label"] if lang.startswith("zh") else row.get("en", row["label"])
        return value or ""


class Library:
    """All deployed versions; answers which one is in force. Grows, never forgets."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int], Package] = {}
        self._latest: dict[str, int] = {}
        self._owner: dict[str, str] = {}

    def add(self, package: Package, version: int) -> None:
        self._versions[package.key, version] = package
        if version > self._latest.get(package.key, 0):
            self._latest[package.key] = version
            for process in package.processes:
                self._owner[process] = package.key

    def __contains__(self, key: tuple[str, int]) -> bool:
        return key in self._versions

    @property
    def latest(self) -> Mapping[str, int]:
        return self._latest

    def package(self, key: str, version: int | None = None) -> Package:
        """Raises NotFound."""
        try:
            return self._versions[key, self._latest[key] if version is None else version]
        except KeyError:
            raise NotFound(
                f"No version {version or ''} of «{key}» is deployed. Run `anjie deploy`."
            ) from None

    def owner(self, process: str) -> tuple[str, int]:
        """The package and version in force of a process. Raises NotFound."""
        if process not in self._owner:
            raise NotFound(
                f"No procedure «{process}» is deployed; there are {', '.join(sorted(self._owner))}."
            )
        key = self._owner[process]
        return key, self._latest[key]

    @property
    def shared(self) -> Shared:
        version = self._latest.get(SHARED)
        if version is None:
            raise NotFound("Nothing is deployed yet. Run `anjie init`.")
        if self._shared is None or self._shared[0] != version:
            self._shared = (version, Shared(self._versions[SHARED, version]))
        return self._shared[1]

    _shared: tuple[int, Shared] | None = None


def next_versions(library: Library, packages: Iterable[Package]) -> list[tuple[Package, int]]:
    """The packages whose content differs from the version in force, with their new numbers."""
    changed = []
    for package in packages:
        version = library.latest.get(package.key, 0)
        if version == 0 or library.package(package.key).hash != package.hash:
            changed.append((package, version + 1))
    return changed


__all__ = [
    "SHARED",
    "Element",
    "Library",
    "Organisation",
    "Package",
    "Process",
    "Shared",
    "library_root",
    "next_versions",
    "read_packages",
    "read_text",
]
