"""The application for gunicorn: `gunicorn "web.wsgi:create()"`.

Environment: DATABASE_URL (default SQLite in the instance), ANJIE_INSTANCE (instance/),
ANJIE_SECRET_KEY (default: a file in the instance; hosts that share a database share a key).
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from flask import Flask

from engine.errors import StoreUnusable
from engine.execute import Bureau
from web.app import create_app

DEMO = "demo"
"""A file of this name in the instance folder: the bureau is a demo, anybody may log in."""
KEY_LENGTH = 64


def create() -> Flask:
    """Raises StoreUnusable, saying what to do, when the database cannot be used."""
    instance = Path(os.environ.get("ANJIE_INSTANCE") or "instance")
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
    if not path.exists():
        _make_key(path)
    key = path.read_text("ascii")
    if len(key) < KEY_LENGTH:
        raise StoreUnusable(
            f"{path} holds no whole key; expected {KEY_LENGTH} characters. Delete it: a new one "
            "is made, and forms that are open in a browser must be loaded again."
        )
    return key


def _make_key(path: Path) -> None:
    """Whole or not at all, and once, whoever else makes it at the same time."""
    number, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(number, "w") as made:
            made.write(secrets.token_hex(KEY_LENGTH // 2))
        path.hardlink_to(name)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
