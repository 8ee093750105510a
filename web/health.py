"""Whether this installation can work: for load balancers and whoever looks after it."""

from __future__ import annotations

from importlib.metadata import version

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from engine.errors import StoreUnusable
from web.context import context

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """200 when the database answers, else 503."""
    program = version("anjie")
    try:
        context().queries.exists(0)
    except StoreUnusable as error:
        return jsonify(status="unavailable", version=program, detail=error.message), 503
    return jsonify(status="ok", version=program)
