"""Logging in and out, and the guard: every page but a few named ones asks for a session.

The cookie holds a random token; the database only its SHA-256, so a copy of it logs nobody in.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from itertools import groupby
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from engine.commands import SYSTEM, CloseSession, OpenSession, RecordFailedLogIn
from engine.queries import Person
from web.context import context, execute, now

COOKIE = "anjie_session"
DAYS = 1
LOCK_OUT_FAILURES = 5
LOCK_OUT = timedelta(minutes=15)
MAX_NAME = 64

PUBLIC = frozenset(
    {"session.log_in", "session.log_in_post", "session.log_in_demo", "health.healthz", "static"}
)
"""Endpoints open to everybody; the API's ask for a bearer token instead."""

blueprint = Blueprint("session", __name__)
_hasher = PasswordHasher()
# Verified for names that nobody has, so that the time taken does not tell which names exist.
_NOBODY = _hasher.hash(secrets.token_urlsafe())


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.before_request(_guard)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _guard() -> AnyResponse | None:
    g.person = None
    if request.endpoint is None or request.path.startswith("/api/"):
        return None
    token = request.cookies.get(COOKIE)
    if token and request.endpoint != "static":
        g.person = context().queries.session_person(token_hash(token), "web", now())
    if g.person is not None or request.endpoint in PUBLIC:
        return None
    if request.method == "POST" and request.endpoint != "session.log_out":
        return _ended()
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("session.log_in", next=back))


def _ended() -> AnyResponse:
    """What was typed while the session ended is kept: log in beside it and send it again."""
    current_app.extensions["csrf"].protect()
    pairs = [(k, v) for k, v in request.form.items(multi=True) if k != "csrf_token"]
    address = request.full_path.rstrip("?")
    return make_response(render_template("ended.html", pairs=pairs, address=address), 401)


@blueprint.get("/login")
def log_in() -> str | AnyResponse:
    if g.person is not None and not context().demo:
        return redirect(_destination())
    return _page()


@blueprint.post("/login")
def log_in_post() -> AnyResponse | tuple[str, int]:
    name = request.form.get("name", "").strip()[:MAX_NAME]
    if context().queries.failed_log_ins(name, now() - LOCK_OUT) >= LOCK_OUT_FAILURES:
        return _page("locked", name), 429
    if not _password_fits(name, request.form.get("password", "")):
        execute(RecordFailedLogIn(name), SYSTEM)
        return _page("wrong", name), 401
    return _opened(name)


@blueprint.post("/login/demo")
def log_in_demo() -> AnyResponse:
    """One click logs a person of the demo bureau in; there is no such address elsewhere."""
    if not context().demo:
        abort(404)
    return _opened(context().queries.person(request.form.get("person", "")[:MAX_NAME]).id)


@blueprint.post("/logout")
def log_out() -> AnyResponse:
    execute(CloseSession(token_hash(request.cookies[COOKIE])))
    response = redirect(url_for("session.log_in"))
    response.delete_cookie(COOKIE)
    return response


def _password_fits(name: str, password: str) -> bool:
    stored = context().queries.password_hash(name)
    try:
        _hasher.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _opened(name: str) -> Response:
    token = secrets.token_urlsafe(32)
    if g.person is not None:
        # Another person at this browser: nobody is left logged in behind them.
        execute(CloseSession(token_hash(request.cookies[COOKIE])))
    execute(OpenSession(name, token_hash(token), "web", DAYS), name)
    response = redirect(_destination())
    response.set_cookie(
        COOKIE,
        token,
        max_age=DAYS * 86_400,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response  # type: ignore[return-value]


def _destination() -> str:
    """Where the person wanted to go: a path of this site, never another one."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    own = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    if own and not parts.netloc and not any(ord(c) < 32 for c in wanted):
        return wanted
    return url_for("inbox.home")


def _page(failure: str | None = None, name: str = "") -> str:
    return render_template(
        "login.html",
        failure=failure,
        name=name,
        minutes=int(LOCK_OUT.total_seconds() // 60),
        next=request.values.get("next", ""),
        groups=_by_role() if context().demo else [],
    )


def _by_role() -> list[tuple[str, list[tuple[Person, str]]]]:
    """The demo's people with their organisations, by role in the order of roles.json."""
    order = list(context().pages.world.shared.roles)
    held = [
        (role, who, organisation)
        for who in context().queries.people()
        for role, organisation in who.roles
        if role in order
    ]
    held.sort(key=lambda row: (order.index(row[0]), row[2], row[1].id))
    return [
        (role, [(who, organisation) for _, who, organisation in rows])
        for role, rows in groupby(held, key=lambda row: row[0])
    ]


__all__ = ["PUBLIC", "init_app", "token_hash"]
