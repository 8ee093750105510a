"""What `anjie check` is asked to look at: a library, a part of one, or files from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.definitions import (
    SHARED,
    SUFFIXES,
    Package,
    Shared,
    library_root,
    read_packages,
    read_text,
)
from engine.errors import InvalidDefinition, NotFound, Problem


@dataclass(frozen=True)
class Selection:
    """Packages to check together, and the files of them that were asked for, by their paths."""

    packages: Mapping[str, Package]
    files: Mapping[tuple[str, str], Path]
    whole: frozenset[str]
    """Packages asked for as a whole, so that what concerns no single file is told, too."""

    @property
    def shared(self) -> Shared:
        return Shared(self.packages[SHARED])

    def asks_for(self, problem: Problem) -> bool:
        if not problem.file:
            return problem.package in self.whole
        return (problem.package, problem.file) in self.files

    def path(self, problem: Problem) -> str:
        found = self.files.get((problem.package, problem.file))
        return str(found) if found else problem.package


def select(path: Path, default: Path) -> Selection:
    """Files inside a library are checked in it, others in the library at `default`.

    A file from elsewhere takes the place of the library's file with the same process or name, a
    folder that of the package. Raises InvalidDefinition for what cannot be read.
    """
    if not path.is_dir() and not (path.is_file() and path.suffix in SUFFIXES):
        message = f"{path.name} is no definition; those end in {', '.join(SUFFIXES)}."
        raise InvalidDefinition([Problem("file_kind", None, message, "Name another file.")])
    try:
        return _inside(path, library_root(path if path.is_dir() else path.parent))
    except NotFound:
        return _outside(path, read_packages(default))


def _inside(path: Path, root: Path) -> Selection:
    asked, packages = path.resolve(), read_packages(root)
    files = {
        (key, name): root / key / name
        for key, package in packages.items()
        for name in package.files
        if asked in ((root / key / name).resolve(), *(root / key / name).resolve().parents)
    }
    whole = {key for key in packages if asked in (root.resolve(), (root / key).resolve())}
    return Selection(packages, files, frozenset(whole))


def _outside(path: Path, library: Mapping[str, Package]) -> Selection:
    if path.is_file():
        text = read_text(path)
        key, name = _place_of(path, text, library)
        kept = library[key].files if key in library else {}
        package = Package.of(key, {**kept, name: text})
        return Selection({**library, key: package}, {(key, name): path}, frozenset())
    single = any(file.suffix in SUFFIXES for file in path.iterdir())
    given = read_packages(path.parent if single else path)
    given = {key: given[key] for key in given if not single or key == path.name}
    ids = {i for package in given.values() for i in _processes(package.files)}
    kept_packages = {
        key: package
        for key, package in library.items()
        if key not in given and not ids & set(_processes(package.files))
    }
    folder = path.parent if single else path
    files = {(k, n): folder / k / n for k, package in given.items() for n in package.files}
    return Selection(kept_packages | given, files, frozenset(given))


def _place_of(path: Path, text: str, library: Mapping[str, Package]) -> tuple[str, str]:
    """The library's file that this one is a new version of; else a package of its own."""
    ids = set(_processes({path.name: text}))
    for key, package in library.items():
        for name, known in package.files.items():
            if ids & set(_processes({name: known})) or (not ids and Path(name).name == path.name):
                return key, name
    return path.stem, path.name


def _processes(files: Mapping[str, str]) -> Iterator[str]:
    """Ids of processes, by their text: the files may be broken."""
    for name, text in files.items():
        if name.endswith(".bpmn"):
            for tag in text.split("process ")[1:]:
                before, _, after = tag.partition('id="')
                if after and ">" not in before:
                    yield after.partition('"')[0]
