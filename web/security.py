"""Response headers and the size of what is taken in."""

from __future__ import annotations

from flask import Flask, Response, abort, request
from flask.sessions import SecureCookieSessionInterface

MAX_BODY = 4_000_000
"""Bytes of a request: two hundred rows of long Chinese text, percent-encoded, fit."""
MAX_FIELDS = 5_000
OWN_FIELDS = ("name", "person", "next", "_organisation")
"""What the pages themselves read of a form."""

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# bpmn-js places symbols and colours shapes by style attributes.
DIAGRAM = {"style-src-attr": "'unsafe-inline'"}
# A letter is an analyst's HTML: it brings its page's style and never a script.
LETTER = {"script-src": "'none'", "style-src": "'self' 'unsafe-inline'"}


def init_app(app: Flask) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY, MAX_FORM_MEMORY_SIZE=MAX_BODY, MAX_FORM_PARTS=MAX_FIELDS
    )
    app.session_interface = _FormsCookie()
    app.before_request(_refuse_nul)
    app.after_request(_protect)


class _FormsCookie(SecureCookieSessionInterface):
    """Holds the forms' token; over TLS it is for TLS alone, as the session's own cookie is."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def _refuse_nul() -> None:
    """No browser sends one and PostgreSQL stores none. In the fields of a procedure's form it
    gets its message there."""
    own = (request.form.get(name, "") for name in OWN_FIELDS)
    texts = (request.path, *(text for pair in request.args.items(multi=True) for text in pair))
    if any("\0" in text for text in (*texts, *own)):
        abort(400)


def allow(response: Response, extra: dict[str, str]) -> Response:
    """Give this response a policy with these directives instead of the usual ones."""
    response.headers["Content-Security-Policy"] = _policy({**_POLICY, **extra})
    return response


def _policy(directives: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy(_POLICY))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.path.startswith("/static/dist/assets/") and response.status_code == 200:
        # Vite puts a hash of the contents into these names.
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    return response
