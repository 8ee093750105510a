"""A bureau served as `anjie serve` does it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support


class Served:
    """A bureau served on a loopback port, with its database for looking."""

    def __init__(self, url: str, database: str) -> None:
        self.url, self.database = url, database


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The procedures and people of the demo, no petitions, served as `anjie serve` does."""
    (tmp_path / "demo").touch()
    database = support.sqlite_url()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "ANJIE_INSTANCE": str(tmp_path),
        "DATABASE_URL": database,
        "PORT": str(port),
    }
    log = (tmp_path / "serve.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "engine", "serve"], env=environment, stdout=log, stderr=log
    )
    try:
        _wait(f"http://127.0.0.1:{port}", server, tmp_path / "serve.log")
        yield Served(f"http://127.0.0.1:{port}", database)
    finally:
        server.terminate()
        server.wait(10)
        log.close()
        support.drop(database)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(150):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()}")
