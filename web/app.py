"""The application factory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_wtf.csrf import CSRFProtect, generate_csrf
from werkzeug.routing import BaseConverter, IntegerConverter, Map, ValidationError

from engine.commands import ItemId
from engine.errors import NotFound
from engine.execute import Bureau
from engine.pages import Pages
from web import (
    api,
    cases,
    errors,
    health,
    inbox,
    language,
    letters,
    register,
    security,
    session,
    tasks,
    timeline,
    words,
)
from web.assets import Assets
from web.context import Context, context, person


def create_app(
    bureau: Bureau,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    demo: bool,
    secret_key: str | None = None,
) -> Flask:
    """The pages and the API of a bureau.

    `clock` gives the aware instant at which each request acts. `demo` lets anybody log in as
    anybody. `secret_key` signs the forms' tokens; all processes of an installation share one, and
    without one forms that are open do not survive a restart.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secret_key or secrets.token_hex(32),
        SESSION_COOKIE_NAME="anjie_form",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        # A form may stay open for a working day; its token ends with the browser's session.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.url_map.converters |= {"item": _ItemConverter, "int": _NumberConverter}
    app.extensions["anjie"] = Context(bureau, Pages(bureau), clock, demo)
    security.init_app(app)
    language.init_app(app)
    session.init_app(app)
    csrf = CSRFProtect(app)
    errors.init_app(app)
    words.init_app(app)
    timeline.init_app(app)
    for views in (inbox, tasks, cases, register, letters, health):
        app.register_blueprint(views.blueprint)
    api.init_app(app, csrf)
    app.context_processor(lambda: _template_values(demo))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    return app


def _template_values(demo: bool) -> dict[str, Any]:
    return {
        "assets": Assets.read(),
        "demo": demo,
        "csrf_token": generate_csrf,
        "may_register": lambda: bool(context().pages.startable(person())),
    }


class _NumberConverter(IntegerConverter):
    """A number that fits a column of the database; there is no page of a longer one."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


class _ItemConverter(BaseConverter):
    """`12.0.5` in an address."""

    regex = r"[0-9.]+"

    def to_python(self, value: str) -> ItemId:
        try:
            return ItemId.parse(value)
        except NotFound:
            raise ValidationError from None

    def to_url(self, value: ItemId | str) -> str:
        return str(value)
