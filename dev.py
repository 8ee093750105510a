#!/usr/bin/env python3
"""Set up, serve or test Anjie on a machine that has Python 3.11+ and nothing else.

    python3 dev.py setup                    make .venv, install, build the front end
    python3 dev.py serve                    set-up, then serve (a demo bureau where there is none)
    python3 dev.py test [--quick] [ARGS]    set-up, then lint, types, contracts and all tests;
                                            --quick leaves out slow, browser and PostgreSQL tests;
                                            ARGS go to pytest, which then runs alone

Environment: PORT (8000), ANJIE_INSTANCE (instance/), DATABASE_URL (SQLite in the instance).
"""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NoReturn, TextIO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / ".anjie-setup"
INSTALLING = VENV / ".anjie-installing"
LOG = VENV / "setup.log"

# What pip or venv say in their log, and what it means for the person who waits.
REMEDIES = (
    (r"(?m)^\s*anjie: (.+)$", r"\1"),
    (r"No space left on device", "The disk is full: make room (about 1 GB) and try again."),
    (
        r"NameResolution|name resolution|NewConnection|ConnectTimeout|ReadTimeout|ProxyError"
        r"|Network is unreachable|Connection refused|SSLError",
        "pip does not reach its package index: check the network, or pip's index and proxy"
        " settings, and try again.",
    ),
    (
        r"ensurepip is not available|No module named (?:venv|ensurepip)",
        "This Python cannot make virtual environments: install python3-venv and try again.",
    ),
    (
        r"No matching distribution found for (\S+)",
        r"The package index has no \1 for this Python: check pip's index settings.",
    ),
    (r"Permission denied", "Files may not be written here: make .venv and web writable."),
    (r"(?m)^(?:ERROR|error|Error): (.+)$", r"\1"),
)
# Lines of pip that begin a step, and what the step is to the person who waits.
STEPS = (
    ("Installing build dependencies: started", "fetching the build tools"),
    ("Installing backend dependencies: started", "fetching node, if this machine has none"),
    ("Preparing editable metadata", "building the front end"),
    ("Collecting ", "fetching the packages"),
    ("Installing collected packages", "installing the packages"),
)
HAS_TABLES = """
import os, sys
from sqlalchemy import inspect
from engine.store import open_database
sys.exit(not inspect(open_database(os.environ["DATABASE_URL"])).has_table("alembic_version"))
"""
LINTERS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


class Stopped(Exception):
    """The command cannot go on; the message says why and what to do."""


def main(argv: list[str]) -> int:
    command, arguments = (argv[0], argv[1:]) if argv else ("", [])
    try:
        if command == "test":
            return test(arguments)
        if command == "serve" and not arguments:
            serve()
        if command == "setup" and not arguments:
            setup()
            return 0
        print(__doc__)
        return 0 if command in ("-h", "--help") else 2
    except Stopped as stopped:
        print(f"dev.py: {stopped}", file=sys.stderr)
    except OSError as error:
        print(f"dev.py: {what_to_do(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("dev.py: stopped by the keyboard.", file=sys.stderr)
    return 1


def what_to_do(error: OSError) -> str:
    where = error.filename or ROOT
    if error.errno == errno.ENOSPC:
        return "The disk is full: make room (about 1 GB) and try again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{where} may not be written: make it writable for this user and try again."
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{where} is no folder: take it away and try again."
    return f"{error}. Mend that and try again."


# set-up


def setup() -> None:
    """Bring .venv up to date; takes a moment and says nothing when nothing changed."""
    VENV.mkdir(exist_ok=True)
    with alone() as lock:
        wanted = fingerprint()
        if STAMP.is_file() and STAMP.read_text() == wanted and front_end().is_current():
            return
        STAMP.unlink(missing_ok=True)
        install(Progress(), lock)
        STAMP.write_text(wanted)


@contextmanager
def alone() -> Iterator[TextIO]:
    """One at a time sets up here or makes a demo bureau; whoever comes later waits."""
    with (VENV / ".anjie-lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work here; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def fingerprint() -> str:
    """One word for everything that set-up depends on."""
    own = ("dev.py", "hatch_build.py", "pyproject.toml", "requirements/constraints.txt")
    bundle = front_end()
    return str(bundle.digest([*(ROOT / name for name in own), *bundle.sources()]))


def front_end() -> ModuleType:
    """The module beside the front end that knows what it is built from."""
    folder = str(ROOT / "web" / "frontend")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("bundle")


def install(progress: Progress, lock: TextIO) -> None:
    LOG.write_text("")
    if not is_sound():
        progress.say(f"making .venv with Python {sys.version.split()[0]}")
        clear_venv()
        run_logged([sys.executable, "-m", "venv", str(VENV)], progress, lock)
    pip = [str(BIN / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    INSTALLING.touch()
    try:
        run_logged([*pip, "-e", ".[dev]", "-c", "requirements/constraints.txt"], progress, lock)
    except Stopped:  # then pip took back what it had begun
        INSTALLING.unlink()
        raise
    INSTALLING.unlink()
    progress.say("ready")


def is_sound() -> bool:
    """Has .venv a Python that is new enough, with pip, and no installation that was cut off?"""
    new_enough = "import sys; sys.exit(sys.version_info < (3, 11))"
    return not INSTALLING.exists() and answers("-c", new_enough) and answers("-m", "pip", "-V")


def answers(*arguments: str) -> bool:
    """Does .venv have a Python that carries this out?"""
    try:
        asked = subprocess.run([BIN / "python", *arguments], capture_output=True, check=False)
    except OSError:
        return False
    return asked.returncode == 0


def clear_venv() -> None:
    """Take away an environment that cannot be built on; log and lock stay."""
    for path in (*map(VENV.joinpath, ("bin", "include", "lib", "lib64", "pyvenv.cfg")), INSTALLING):
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)


class Progress:
    """Prints what is done now and how many seconds after the beginning."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.said = ""

    def say(self, what: str) -> None:
        if what != self.said:
            print(f"{time.monotonic() - self.began:4.0f} s  {what}", flush=True)
        self.said = what


def run_logged(command: list[str], progress: Progress, lock: TextIO) -> None:
    """Run a step of the set-up, keep its output in the log, raise Stopped when it fails.

    The step holds the lock too: where only dev.py is killed, the next one waits for its pip.
    """
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(lock.fileno(),),
    )
    with LOG.open("a") as log, process:
        for line in process.stdout or ():
            log.write(line)
            for beginning, step in STEPS:
                if line.strip().startswith(beginning):
                    progress.say(step)
    if process.returncode:
        raise Stopped(f"{explain(LOG.read_text())} (Everything it said: {LOG})")


def explain(log: str) -> str:
    """Turn the log of a failed step into one sentence that says what to do."""
    for pattern, remedy in REMEDIES:
        found = re.search(pattern, log)
        if found:
            return found.expand(remedy)
    return "The set-up failed for a reason that it does not know."


# serve


def serve() -> NoReturn:
    """Become `anjie serve`, with a demo bureau where the instance has no database yet."""
    setup()
    refuse_taken(os.environ.get("PORT") or "8000")
    os.chdir(ROOT)
    with alone():
        if not has_database():
            code = run("anjie", "init", "--demo")
            if code:
                sys.exit(code)
    os.execv(BIN / "anjie", ["anjie", "serve"])


def has_database() -> bool:
    """Is there something to serve, in the instance's folder or at DATABASE_URL?"""
    if os.environ.get("DATABASE_URL"):
        return answers("-c", HAS_TABLES)
    return (Path(os.environ.get("ANJIE_INSTANCE") or "instance") / "anjie.db").exists()


def refuse_taken(port: str) -> None:
    """Say so before the demo bureau is made, which takes longer."""
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Stopped(f"PORT is «{port}», expected a number from 1 to 65535: set another.")
    try:
        socket.create_server(("127.0.0.1", int(port))).close()
    except OSError as error:
        raise Stopped(
            f"Port {port} cannot be used ({os.strerror(error.errno or 0)}): choose another, for"
            " instance PORT=8001 python3 dev.py serve."
        ) from None


# test


def test(arguments: list[str]) -> int:
    """Lint, check types and contracts, then all tests; pytest's summary is printed last."""
    setup()
    quick = "--quick" in arguments
    chosen = [argument for argument in arguments if argument != "--quick"]
    if not chosen:
        failed = [" ".join(linter) for linter in LINTERS if run(*linter)]
        if failed:
            raise Stopped(
                f"failed: {', '.join(failed)} (above). The tests wait until it is mended."
            )
        chosen = ["-n", "auto", "--dist", "worksteal"]
    marked = ["-m", "not slow and not browser and not postgres"] if quick else []
    return run("pytest", *marked, *chosen)


def run(program: str, *arguments: str) -> int:
    print(f"$ {' '.join((program, *arguments))}", flush=True)
    return subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(
            f"dev.py: Anjie needs Python 3.11 or newer, this is {sys.version.split()[0]}: "
            "start it with a newer one, for instance python3.12 dev.py."
        )
    sys.exit(main(sys.argv[1:]))
