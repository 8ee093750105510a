"""Letters: a document of a case as it was issued, from its package's template, to be printed.

A template is a whole HTML page in Jinja, in a sandbox: it reads values and can change none. It is
given `case` (case_no, query_code, title, petitioner…), `doc` (the case document by the forms' keys)
and `clocks` (by id) as they stood on the day of issue, `today` (that day), `org` (who issued it),
`organisations` (by key, such as unit and review_org, and by id), `document` (this one) and
`documents` (all; kind, name, issued_on, served_on).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, Response, make_response
from flask_babel import gettext as _
from jinja2 import ChainableUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import InvalidDefinition, Problem
from engine.pages import CasePage, Letter
from web import security
from web.context import context, person

blueprint = Blueprint("letters", __name__)

_sandbox = ImmutableSandboxedEnvironment(
    autoescape=True, undefined=ChainableUndefined, optimized=False
)


@blueprint.get("/cases/<case_no>/documents/<int:number>")
def show(case_no: str, number: int) -> Response:
    page = context().pages.case(context().queries.case_id(case_no), person())
    letter = context().pages.letter(page, number)
    body = render_letter(letter.template, _values(page, letter))
    return security.allow(make_response(body), security.LETTER)


def _values(page: CasePage, letter: Letter) -> dict[str, Any]:
    organisations = context().pages.world.organisations
    return {
        "case": dict(page.view.row),
        "doc": letter.doc,
        "clocks": letter.clocks,
        "today": date.fromisoformat(letter.row["issued_on"]),
        "org": letter.issuer,
        "organisations": {**organisations, **letter.organisations},
        "document": _named(letter.row),
        "documents": [_named(found) for found in page.view.documents],
    }


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    known = context().pages.world.shared.documents
    return {**document, "name": known.get(document["kind"], {}).get("zh", document["kind"])}


def render_letter(template: str, values: Mapping[str, Any]) -> str:
    """Raises InvalidDefinition when the template cannot be rendered."""
    try:
        return _sandbox.from_string(template).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        message = _("The letter cannot be rendered: %(why)s.", why=error)
        problem = Problem("letter", None, message, _("Correct its template."))
        raise InvalidDefinition([problem]) from error
