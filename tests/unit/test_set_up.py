"""What set-up says when it cannot go on, and when it works at all."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

import dev

bundle = dev.front_end()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("   anjie: The front end needs node.\n", "The front end needs node."),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("connection broken by 'NewConnectionError(…)'\nERROR: No matching", "does not reach"),
        ("ERROR: No matching distribution found for lark==9", "has no lark==9"),
        ("The virtual environment was not created: ensurepip is not available", "python3-venv"),
        ("ERROR: something new", "something new"),
        ("", "does not know"),
    ],
)
def test_a_failed_step_is_explained_in_one_line(log: str, said: str) -> None:
    explained = dev.explain(log)
    assert said in explained
    assert "\n" not in explained


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("npm error code ECONNREFUSED\nnpm error errno", "does not reach its registry"),
        ("npm error code E404\nnpm error 404 Not Found", "404 Not Found"),
        (
            "error during build:\nBuild failed with 1 error:\n\n\x1b[31m[PARSE_ERROR] \x1b[0mOdd",
            "[PARSE_ERROR] Odd",
        ),
        ("", "without a word"),
    ],
)
def test_a_failed_front_end_build_is_explained_in_one_line(output: str, said: str) -> None:
    explained = bundle.explain(output)
    assert said in explained
    assert "\n" not in explained


@pytest.mark.parametrize(
    ("version", "suits"),
    [
        ("v20.18.3\n", False),
        ("v20.19.0\n", True),
        ("v21.7.3\n", False),
        ("v22.11.0\n", False),
        ("v22.12.0\n", True),
        ("v24.1.0\n", True),
        ("", False),
    ],
)
def test_node_is_used_from_the_versions_that_vite_runs_on(version: str, suits: bool) -> None:
    assert bundle.suits(version) is suits


def test_a_node_that_this_machine_cannot_execute_is_no_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_bytes(b"\x7fELF of another machine")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bundle.system_node() is None


@pytest.mark.parametrize("port", ["80x", "0", "-1", "65536", "８０００", "1e3"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(dev.Stopped, match="1 to 65535"):
        dev.refuse_taken(port)


def test_what_the_file_system_refuses_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FileExistsError) as refused:
        file.mkdir(exist_ok=True)
    assert dev.what_to_do(refused.value) == f"{file} is no folder: take it away and try again."
    assert "make room" in dev.what_to_do(OSError(errno.ENOSPC, "No space", "x"))
    assert "writable" in dev.what_to_do(OSError(errno.EACCES, "Permission denied", "x"))


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .venv for dev.py whose Python is this one."""
    for name, inside in (("VENV", ""), ("BIN", "bin"), ("STAMP", "s"), ("INSTALLING", "i")):
        monkeypatch.setattr(dev, name, tmp_path / inside)
    monkeypatch.setattr(dev, "LOG", tmp_path / "setup.log")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def test_an_installation_that_was_cut_off_is_begun_anew(venv: Path) -> None:
    assert dev.is_sound()
    dev.INSTALLING.touch()
    assert not dev.is_sound()
    dev.clear_venv()
    assert not dev.INSTALLING.exists()
    assert not (venv / "bin").exists()


def test_a_later_set_up_waits_for_the_step_of_a_killed_one(venv: Path) -> None:
    """dev.py is gone, its pip still writes: it holds the lock too."""
    fstat = "import os, sys; os.fstat(int(sys.argv[1]))"
    with dev.alone() as lock:
        step = [sys.executable, "-c", fstat, str(lock.fileno())]
        dev.run_logged(step, dev.Progress(), lock)
        with (venv / ".anjie-lock").open("w") as later, pytest.raises(BlockingIOError):
            fcntl.flock(later, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_digest_follows_names_and_contents(tmp_path: Path) -> None:
    one = tmp_path / "one.js"
    one.write_text("a")
    before = bundle.digest([one])
    assert bundle.digest([one]) == before
    one.write_text("b")
    assert bundle.digest([one]) != before
    two = one.rename(tmp_path / "two.js")
    two.write_text("a")
    assert bundle.digest([two]) != before


def test_the_bundle_is_made_from_sources_not_from_installed_packages() -> None:
    sources = [path.relative_to(bundle.FRONTEND) for path in bundle.sources()]
    assert Path("src/diagram.js") in sources
    assert Path("package-lock.json") in sources
    assert not [path for path in sources if "node_modules" in path.parts]


def test_an_unknown_command_prints_the_usage_and_fails() -> None:
    done = subprocess.run(
        [sys.executable, str(dev.ROOT / "dev.py"), "dance"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "dev.py serve" in done.stdout


def test_no_lock_file_names_a_host() -> None:
    """Whoever installs takes packages from the registry that their own machine is set up for."""
    lock = (bundle.FRONTEND / "package-lock.json").read_text()
    constraints = (dev.ROOT / "requirements" / "constraints.txt").read_text()
    assert '"resolved"' not in lock
    assert "://" not in constraints
