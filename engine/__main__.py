"""The command line: `anjie`."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from engine import commands as c
from engine.errors import Conflict, EngineError, InvalidDefinition, InvalidInput

PROCESSES = Path(__file__).resolve().parent.parent / "processes"


def instance_folder() -> Path:
    """`ANJIE_INSTANCE`, default `instance/`."""
    return Path(os.environ.get("ANJIE_INSTANCE") or "instance")


def database_url() -> str:
    """`DATABASE_URL`, default SQLite in the instance folder."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{instance_folder().absolute()}/anjie.db"


def open_bureau(check: bool = True) -> Any:
    from engine import store
    from engine.execute import Bureau

    bureau = Bureau(database_url())
    if check:
        store.check(bureau.database)
        bureau.refresh()
    return bureau


class Group(click.Group):
    """Errors of the engine end in one line and exit code 1, never a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except InvalidDefinition as error:
            for problem in error.problems:
                click.echo(
                    f"{problem.element or '-'}: {problem.message} {problem.remedy}", err=True
                )
            context.exit(1)
        except InvalidInput as error:
            details = "; ".join(f"{k}: {' '.join(v)}" for k, v in error.fields.items())
            click.echo(details or error.message, err=True)
            context.exit(1)
        except EngineError as error:
            click.echo(error.message, err=True)
            context.exit(1)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = error.filename or "A file or connection"
            click.echo(
                f"{where}: {error.strerror or error}. Expected a place with room that this user "
                "may read and write; make it so, or choose another.",
                err=True,
            )
            context.exit(1)


@click.group(cls=Group)
def cli() -> None:
    """Anjie 案结: statutory petition procedures."""


@cli.command()
@click.option("--demo", is_flag=True, help="With the demo bureau's people and petitions.")
def init(demo: bool) -> None:
    """Create or migrate the database and deploy the procedures that come with the program."""
    instance_folder().mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    if demo:
        _init_demo(now)
        return
    bureau = open_bureau(check=False)
    bureau.create(now)
    bureau.refresh()
    from engine.definitions import read_packages

    _deploy(bureau, read_packages(PROCESSES), now)


def _init_demo(now: datetime) -> None:
    from engine.demo.installing import install_demo

    made = install_demo(
        database_url(), instance_folder(), PROCESSES, now, lambda text: click.echo(text, err=True)
    )
    click.echo(f"demo bureau ready: {made} petitions")


@cli.command()
@click.argument(
    "path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=PROCESSES,
)
def deploy(path: Path) -> None:
    """Deploy the packages of a folder; unchanged ones keep their version."""
    from engine.definitions import read_packages

    _deploy(open_bureau(), read_packages(path), datetime.now(UTC))


def _deploy(bureau: Any, packages: Any, now: datetime) -> None:
    before = dict(bureau.library.latest)
    bureau.execute(c.Deploy({k: p.files for k, p in packages.items()}), c.SYSTEM, now)
    for key, version in sorted(bureau.library.latest.items()):
        if before.get(key) != version:
            click.echo(f"{key}: version {version}")
    from engine.worker import recompute_clocks

    calendar = bureau.library.shared.calendar.version
    outdated = bureau.queries.running_calendars(calendar)
    undone = [n for n in outdated if not recompute_clocks(bureau, n, now)]
    if undone:
        raise Conflict(
            f"Deployed, but the clocks of {len(undone)} cases could not be counted anew: "
            f"{', '.join(map(str, undone[:20]))}. See their incidents."
        )


@cli.command()
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@click.option("--only", type=click.Choice(["engine", "law", "layout"]), help="One group of rules.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", help="Of the sentences.")
def check(paths: tuple[Path, ...], as_json: bool, only: str | None, lang: Any) -> None:
    """Check diagrams, tables, forms and letters as a deployment would. Exit 1 with errors.

    PATH is a folder of procedures, one of its folders or files, or a file from elsewhere, which
    is checked in the place of its namesake. Default: the procedures that come with the program.
    """
    from engine.checks.command import run_check

    report = run_check(paths or (PROCESSES,), PROCESSES, only, lang)
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        for line in report.lines():
            click.echo(line)
    sys.exit(1 if report.errors else 0)


@cli.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=8000)
@click.option(
    "--processes", type=click.IntRange(1, 256), default=1, help="More than one needs PostgreSQL."
)
@click.option("--no-worker", is_flag=True, help="Timers and notifications run elsewhere.")
def serve(port: int, processes: int, no_worker: bool) -> None:
    """Serve the pages and the API on this machine; a worker runs inside."""
    from engine.demo.installing import require_finished
    from web.serve import serve as run

    require_finished(instance_folder())

    def work() -> None:
        from engine.worker import Worker

        Worker(open_bureau(), instance_folder()).run()

    run(port, processes, None if no_worker else work)


@cli.command()
def worker() -> None:
    """Fire due timers and send notifications until stopped."""
    import signal

    from engine.worker import Worker

    bureau = open_bureau()
    bureau.queries.check()
    running = Worker(bureau, instance_folder())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stop())
    click.echo("worker running", err=True)
    running.run()


@cli.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=PROCESSES)
def scenarios(path: Path) -> None:
    """Run the scenarios below a folder or in a file on simulated time."""
    from engine.scenarios import find_scenarios, stage_for

    stage = stage_for(path)
    outcomes = []
    try:
        for scenario in find_scenarios(path, stage.packages):
            outcome = stage.run(scenario)
            outcomes.append(outcome)
            click.echo(f"{'✓' if outcome.passed else '✗'} {scenario.procedure} {scenario.name}")
            for line, text in outcome.failures:
                click.echo(f"    第{line}行：{text}")
    finally:
        stage.close()
    failed = sum(not outcome.passed for outcome in outcomes)
    click.echo(f"{len(outcomes) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


@cli.command()
@click.argument("start")
@click.argument("n", type=int)
@click.option("--workdays", is_flag=True, help="Count working days.")
@click.option("--exclude", type=int, default=0, help="Calendar days left out (a hearing).")
@click.option("--json", "as_json", is_flag=True)
def due(start: str, n: int, workdays: bool, exclude: int, as_json: bool) -> None:
    """When N days from START (YYYY-MM-DD) are over, as the law counts them."""
    from engine.calendar import Calendar
    from engine.clocks import describe_due

    first = _day(start)
    calendar = Calendar.load(json.loads((PROCESSES / "_shared" / "calendar.json").read_text()))
    found = describe_due(first, n, workdays=workdays, exclude=exclude, calendar=calendar)
    if as_json:
        click.echo(json.dumps(found))
    else:
        for key, value in found.items():
            click.echo(f"{key}: {str(value).lower() if isinstance(value, bool) else value}")


def _day(text: str) -> date:
    """Raises InvalidInput for the other forms of ISO 8601 too."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise InvalidInput({"start": [f"expected YYYY-MM-DD, found «{text}»"]})
    return day


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--input", "given", required=True, help="JSON, or @FILE.")
@click.option("--batch", is_flag=True, help="The input is a list of inputs.")
def decide(file: Path, given: str, batch: bool) -> None:
    """Evaluate a decision table."""
    from engine.decisions import decide_file

    try:
        text = Path(given[1:]).read_text("utf-8") if given.startswith("@") else given
        inputs = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput({"input": [f"expected JSON: {error}"]}) from None
    if not isinstance(inputs, list if batch else dict):
        raise InvalidInput({"input": ["expected a list with --batch, an object without it"]})
    click.echo(json.dumps(decide_file(file, inputs), ensure_ascii=False))


@cli.command()
@click.argument("case", required=False)
def verify(case: str | None) -> None:
    """Check the chain of a case, or of all and the bureau, and that rows are its fold."""
    from engine.replay import verify_case
    from engine.store import BUREAU

    bureau = open_bureau()
    numbers = [bureau.queries.case_id(case)] if case else [BUREAU, *bureau.queries.case_ids()]
    bad = 0
    for number in numbers:
        fault = verify_case(bureau, number)
        if fault is not None:
            bad += 1
            what = "the bureau" if number == BUREAU else f"case {number}"
            click.echo(f"{what}: event {fault.seq}: {fault.message}")
    click.echo(f"{len(set(numbers) - {BUREAU})} cases verified, {bad} with faults")
    sys.exit(1 if bad else 0)


@cli.command()
@click.argument("case")
def replay(case: str) -> None:
    """Execute a case's recorded commands again and print what each did."""
    from engine.replay import replay_case

    bureau = open_bureau()
    for step in replay_case(bureau, bureau.queries.case_id(case)):
        mark = "=" if step.same else "≠"
        click.echo(f"{step.seq:4} {step.at} {step.actor:12} {step.type:18} {mark} {step.told}")


@cli.command()
@click.argument("person")
@click.option("--days", type=click.IntRange(1, 3650), default=30)
@click.option("--revoke", is_flag=True, help="End all tokens of this person instead.")
def token(person: str, days: int, revoke: bool) -> None:
    """Print a bearer token for the API."""
    import hashlib
    import secrets

    bureau = open_bureau()
    bureau.queries.person(person)
    if revoke:
        bureau.execute(c.EndSessions(person, "api"), c.SYSTEM, datetime.now(UTC))
        return
    secret = secrets.token_urlsafe(32)
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    command = c.OpenSession(person, hashed, "api", days)
    bureau.execute(command, c.SYSTEM, datetime.now(UTC))
    click.echo(secret)


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def people(file: Path) -> None:
    """Define organisations, people and their roles (a file like processes/_shared/bureau.json)."""
    try:
        data = json.loads(file.read_text("utf-8"))
        organisations, persons = tuple(data["organisations"]), tuple(data["people"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            {"file": [f"expected JSON with organisations and people, found: {error!r}"]}
        ) from None
    bureau = open_bureau()
    bureau.execute(c.DefineBureau(organisations, persons), c.SYSTEM, datetime.now(UTC))
    click.echo(f"{len(organisations)} organisations, {len(persons)} people")


@cli.command()
@click.argument("person")
@click.password_option(help="Asked for when left out.")
def password(person: str, password: str) -> None:
    """Set a person's password."""
    from argon2 import PasswordHasher

    if len(password) < 10:
        raise InvalidInput({"password": ["expected at least 10 characters"]})
    bureau = open_bureau()
    found = bureau.queries.person(person)
    roles = [{"role": role, "organisation": place} for role, place in found.roles]
    row = {"id": found.id, "zh": found.zh, "en": found.en, "roles": roles}
    row["password_hash"] = PasswordHasher().hash(password)
    bureau.execute(c.DefineBureau((), (row,)), c.SYSTEM, datetime.now(UTC))
    click.echo(f"{person}: password set")


@cli.command()
@click.argument("name", type=click.Choice(["steps"]))
@click.option("--json", "as_json", is_flag=True)
@click.option("--scale", type=click.FloatRange(0, 1000, min_open=True), default=1.0)
def bench(name: str, as_json: bool, scale: float) -> None:
    """Measure; figures are reported, never asserted."""
    from engine.bench import bench_steps

    report = bench_steps(scale, progress=lambda text: click.echo(text, err=True))
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        for key, value in report.items():
            click.echo(f"{key}: {value}")


def main() -> None:
    """Entry of the console script."""
    cli(prog_name="anjie")


if __name__ == "__main__":
    main()
