"""Response headers and the size of what is taken in."""

from __future__ import annotations

from flask import Flask, Response, request

MAX_BODY = 4_000_000
"""Bytes of a request: two hundred rows of long Chinese text, percent-encoded, fit."""
MAX_FIELDS = 5_000

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
    app.after_request(_protect)


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
