"""The gate: what a package must hold to before it is deployed.

Text goes through hardened XML, BPMN's schema and the list of what the engine runs; then the rules
of `texts.py` are asked of flows, tokens, references, FEEL and legal bases. A file that cannot be
read is reported alone, so that nothing is blamed on its neighbours.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from engine.checks.feel import check_content_feel, check_diagram_feel
from engine.checks.files import Content, read_content
from engine.checks.library import Whole, check_deployment
from engine.checks.references import check_letters, check_references
from engine.checks.report import Place, Report
from engine.checks.structure import check_loops, check_structure
from engine.definitions import Package, Shared
from engine.errors import EngineError, InvalidDefinition, Problem
from engine.messages import Lang

__all__ = ["check_packages", "errors_among"]

_KEPT = 16
_done: OrderedDict[tuple[object, ...], tuple[Problem, ...]] = OrderedDict()
_SHARED_PARTS = (*("catalogue", "calendar", "roles", "organisation_keys", "documents", "codes"),)


def check_packages(
    packages: Mapping[str, Package], shared: Shared, lang: Lang = "zh"
) -> list[Problem]:
    """Everything wrong with packages that are in force together, in the order of their files.

    The same contents are checked once a process. Never raises; work is bounded by the caps of
    files.py, tokens.py and report.py.
    """
    contents = frozenset(package.hash for package in packages.values())
    key = (contents, shared.package.hash, lang)
    if key not in _done:
        _done[key] = tuple(_check(packages, shared, lang))
        while len(_done) > _KEPT:
            _done.popitem(last=False)
    return list(_done[key])


def errors_among(problems: list[Problem]) -> list[Problem]:
    """Those that forbid the deployment."""
    return [problem for problem in problems if problem.severity == "error"]


def _check(packages: Mapping[str, Package], shared: Shared, lang: Lang) -> list[Problem]:
    report = Report(lang, [])
    _check_shared(Place(report, shared.package.key), shared)
    if report.problems:
        return report.problems
    contents = {key: read_content(package, report) for key, package in sorted(packages.items())}
    whole = Whole(contents, shared)
    check_deployment(whole)
    for diagram in whole.diagrams.values():
        check_structure(diagram)
        check_references(diagram, whole)
        check_diagram_feel(diagram, whole)
    check_loops(whole.diagrams)
    check_letters(whole)
    for content in contents.values():
        check_content_feel(content, whole)
        _check_compiled(content, packages[content.key], report)
    return report.problems


def _check_shared(place: Place, shared: Shared) -> None:
    for part in _SHARED_PARTS:
        try:
            getattr(shared, part)
        except InvalidDefinition as error:
            place.pass_on(error)
        except (EngineError, AttributeError, KeyError, TypeError, ValueError) as error:
            place.refuse("shared", None, what=part, detail=error)


def _check_compiled(content: Content, package: Package, report: Report) -> None:
    """What the engine will do with it: compile it."""
    if any(p.package == content.key and p.severity == "error" for p in report.problems):
        return
    try:
        _ = package.processes, package.forms, package.decisions
    except InvalidDefinition as error:
        content.place.pass_on(error)
