"""The application for gunicorn: `gunicorn "web.wsgi:create()"`.

Environment: DATABASE_URL (default SQLite in the instance), ANJIE_INSTANCE (instance/),
ANJIE_SECRET_KEY (default: a file in the instance; hosts that share a database share a key).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from flask import Flask

from engine.execute import Bureau
from web.app import create_app

DEMO = "demo"
"""A file of this name in the instance folder: the bureau is a demo, anybody may log in."""


def create() -> Flask:
    """Raises StoreUnusable, saying what to do, when the database cannot be used."""
    instance = Path(os.environ.get("ANJIE_INSTANCE", "instance"))
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{instance.absolute()}/anjie.db"
    bureau = Bureau(url)
    bureau.queries.check()
    return application(bureau, instance)


def application(bureau: Bureau, instance: Path) -> Flask:
    """The application of a bureau whose instance folder holds the key and the demo's mark."""
    bureau.refresh()
    return create_app(bureau, demo=(instance / DEMO).exists(), secret_key=secret_key(instance))


def secret_key(instance: Path) -> str:
    """The key that signs forms' tokens, made once for an instance and readable to its owner."""
    given = os.environ.get("ANJIE_SECRET_KEY")
    if given:
        return given
    instance.mkdir(parents=True, exist_ok=True)
    path = instance / "secret.key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text("ascii")
