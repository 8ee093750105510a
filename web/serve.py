"""Serving on this machine: gunicorn with threads, and a worker for timers inside."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from engine.errors import StoreUnusable
from web import wsgi

THREADS = 8
BACKLOG = 2048


class PortTaken(StoreUnusable):
    """The port is taken by another program. Set PORT to a free one."""


def serve(port: int, processes: int, work: Callable[[], None] | None) -> None:
    """Serve until stopped. `work` runs in a thread of each process (the worker's loop).

    Raises PortTaken, and StoreUnusable when the database cannot be used.
    """
    # What is wrong is said here, in one line, and not by each process.
    listener = _listen(port)
    wsgi.create()
    _Server(listener.detach(), port, processes, work).run()


def _listen(port: int) -> socket.socket:
    """The port, held from now on: of two that start at once, one is told."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    except OSError as error:
        raise PortTaken(
            f"Port {port} cannot be used ({os.strerror(error.errno or 0)}). Set PORT to a free "
            "port, or end the program that holds it."
        ) from None


class _Server(BaseApplication):
    def __init__(
        self, listener: int, port: int, processes: int, work: Callable[[], None] | None
    ) -> None:
        self._listener, self._port, self._processes, self._work = listener, port, processes, work
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": f"fd://{self._listener}",
            "workers": self._processes,
            "worker_class": "gthread",
            "threads": THREADS,
            "proc_name": "anjie",
            "loglevel": "warning",
            "when_ready": lambda server: print(f"http://127.0.0.1:{self._port}/", flush=True),
        }
        if self._work is not None:
            settings["post_worker_init"] = lambda worker: self._start_work()
        for name, value in settings.items():
            self.cfg.set(name, value)

    def _start_work(self) -> None:
        threading.Thread(target=self._work, name="worker", daemon=True).start()

    def load(self) -> Flask:
        app = wsgi.create()
        # Definitions live as long as the process; the collector need not walk them again.
        gc.collect()
        gc.freeze()
        return app
