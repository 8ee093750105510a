"""Chinese first, English complete: which language a reader gets, and the words in it.

English is written in the code and the templates; `translations/zh` has the Chinese. The catalogue
is read as text at start, so that nothing compiled lies beside the sources.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, redirect, request
from flask_babel import Babel, Domain
from werkzeug.wrappers import Response

Lang = Literal["zh", "en"]
LANGUAGES: tuple[Lang, ...] = ("zh", "en")
COOKIE = "anjie_language"
CATALOGUE = Path(__file__).parent / "translations" / "zh" / "LC_MESSAGES" / "messages.po"


@cache
def catalogue() -> Translations:
    """The Chinese catalogue, compiled in memory."""
    compiled = BytesIO()
    with CATALOGUE.open("rb") as source:
        write_mo(compiled, read_po(source, locale="zh"))
    compiled.seek(0)
    return Translations(compiled)


class _Domain(Domain):
    def get_translations(self) -> NullTranslations:
        return catalogue() if language() == "zh" else NullTranslations()


class _Babel(Babel):
    @property
    def domain_instance(self) -> Domain:
        return _Domain()


def language() -> Lang:
    """The reader's language: the cookie's, for the API the header's; else Chinese."""
    if "language" not in g:
        found = request.cookies.get(COOKIE) if request else None
        if request and request.path.startswith("/api/"):
            found = request.accept_languages.best_match(LANGUAGES)
        g.language = "en" if found == "en" else "zh"
    chosen: Lang = g.language
    return chosen


def init_app(app: Flask) -> None:
    _Babel(
        app,
        locale_selector=lambda: "zh_Hans_CN" if language() == "zh" else "en",
        timezone_selector=lambda: "Asia/Shanghai",
    )
    app.before_request(_switch)


def _switch() -> Response | None:
    """`?lang=en` on any page sets the language and comes back without the parameter."""
    chosen = request.args.get("lang")
    if chosen not in LANGUAGES or request.method != "GET":
        return None
    rest = [(key, value) for key, value in request.args.items(multi=True) if key != "lang"]
    response = redirect(request.path + ("?" + urlencode(rest) if rest else ""))
    response.set_cookie(
        COOKIE, chosen, max_age=31_536_000, httponly=True, samesite="Lax", secure=request.is_secure
    )
    return response
