"""The console script as its users call it: what it prints, its exit codes, one line for faults."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.__main__ import PROCESSES, cli
from tests.support import Desk, at, open_bureau


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Calls `anjie` on a database with everything deployed."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("ANJIE_INSTANCE", str(tmp_path))

    def call(*words: str) -> Result:
        return CliRunner().invoke(cli, list(words))

    return call


def one_line(outcome: Result) -> str:
    """The message of a refusal: exit code 1, one line, no traceback."""
    assert outcome.exit_code == 1, outcome.output
    lines = outcome.output.strip().splitlines()
    assert len(lines) == 1, outcome.output
    return lines[0]


def test_due_counts_as_the_law_counts(run) -> None:  # type: ignore[no-untyped-def]
    outcome = run("due", "2025-08-04", "60", "--json")
    assert json.loads(outcome.output) == {
        "nominal": "2025-10-03",
        "legal_due": "2025-10-09",
        "internal_target": "2025-09-30",
        "provisional": False,
    }
    assert "legal_due: 2025-02-07" in run("due", "2025-01-24", "5", "--workdays").output
    assert "legal_due: 2025-10-17" in run("due", "2025-09-05", "30", "--exclude", "12").output


def test_due_refuses_in_one_line(run) -> None:  # type: ignore[no-untyped-def]
    for start in ("4.8.2025", "20250804", "2025-W32-1", "2025-8-4", "２０２５-08-04", "2025-13-01"):
        assert one_line(run("due", start, "60")) == f"start: expected YYYY-MM-DD, found «{start}»"
    assert one_line(run("due", "2025-08-04", "0")) == "n: Expected at least 1 day, found 0."
    assert "found -3" in one_line(run("due", "2025-08-04", "5", "--exclude", "-3"))
    assert "No calendar" in one_line(run("due", "9999-12-25", "30", "--workdays"))


TABLE = str(PROCESSES / "acceptance" / "route31.dmn")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("decide", str(PROCESSES), "--input", "{}"), "is a directory"),
        (("decide", TABLE, "--input", "@/nowhere"), "No such file"),
        (("decide", TABLE, "--input", f"@{PROCESSES}"), "Is a directory"),
        (("decide", TABLE, "--input", "5"), "an object"),
        (("decide", TABLE, "--input", "{}", "--batch"), "a list"),
        (("deploy", TABLE), "is a file"),
        (("deploy", "/nowhere"), "does not exist"),
        (("scenarios", "/nowhere"), "does not exist"),
        (("check", "/nowhere"), "does not exist"),
        (("replay", "XF0"), "XF0"),
        (("token", "lin", "--days", "0"), "1<=x<=3650"),
        (("token", "lin", "--days", "99999999999"), "1<=x<=3650"),
        (("people", str(PROCESSES)), "is a directory"),
        (("password", "nobody", "--password", "long enough"), "nobody"),
        (("serve", "--port", "99999"), "1<=x<=65535"),
        (("serve", "--port", "0"), "1<=x<=65535"),
        (("bench", "steps", "--scale", "-1"), "0<x<=1000"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_expected(run, words, said: str) -> None:  # type: ignore[no-untyped-def]
    outcome = run(*words)
    assert outcome.exit_code in (1, 2)
    assert isinstance(outcome.exception, SystemExit), outcome.exception
    assert said in outcome.output.strip().splitlines()[-1]


def test_a_port_that_is_none_is_refused(run, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PORT", "80x")
    outcome = run("serve")
    assert outcome.exit_code == 2
    assert "'80x' is not a valid" in outcome.output


def test_an_instance_that_is_no_folder_is_said_in_one_line(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("ANJIE_INSTANCE", str(file))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for words in (["init"], ["init", "--demo"]):
        assert str(file) in one_line(CliRunner().invoke(cli, words))


def test_half_a_key_is_said_in_one_line(run, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """As a full disk left it: nothing may be signed with an empty key."""
    (tmp_path / "secret.key").touch()
    monkeypatch.setattr("web.serve._Server", None)  # were it started, the test would not end
    assert "secret.key" in one_line(run("serve", "--port", str(free_port())))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_decide_evaluates_a_table(run) -> None:  # type: ignore[no-untyped-def]
    inputs = {"category": "complaint", "acceptance_finding": "own", "way": "arbitration"}
    outcome = run("decide", TABLE, "--input", json.dumps(inputs))
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.output)
    batch = run("decide", TABLE, "--input", json.dumps([inputs, inputs]), "--batch")
    assert len(json.loads(batch.output)) == 2
    assert "JSON" in one_line(run("decide", TABLE, "--input", "{"))


def test_people_and_passwords_of_a_real_bureau(run, url: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "people.json"
    roles = [{"role": "registrar", "organisation": "shi_xfj"}]
    new = {"id": "new", "zh": "新人", "en": "New", "roles": roles}
    file.write_text(json.dumps({"organisations": [], "people": [new]}), "utf-8")
    assert run("people", str(file)).output == "0 organisations, 1 people\n"
    assert "10 characters" in one_line(run("password", "new", "--password", "short"))
    assert run("password", "new", "--password", "long enough, this one").exit_code == 0
    bureau = open_bureau(url)
    assert bureau.queries.person("new").roles == (("registrar", "shi_xfj"),)
    assert bureau.queries.password_hash("new")
    assert "argon2" not in str(bureau.queries.history(0))
    file.write_text("[]", "utf-8")
    assert "organisations and people" in one_line(run("people", str(file)))


def test_a_token_opens_the_api_for_its_person(run, url: str) -> None:  # type: ignore[no-untyped-def]
    secret = run("token", "lin").output.strip()
    hashed, now = hashlib.sha256(secret.encode()).hexdigest(), datetime.now(UTC)
    queries = open_bureau(url).queries
    person = queries.session_person(hashed, "api", now)
    assert person is not None
    assert person.id == "lin"
    assert run("token", "lin", "--revoke").exit_code == 0
    assert queries.session_person(hashed, "api", now) is None
    assert "nobody" in one_line(run("token", "nobody"))


def test_verify_and_replay_name_each_step(run, url: str) -> None:  # type: ignore[no-untyped-def]
    desk = Desk(open_bureau(url), at("2025-09-22"))
    case_id = desk.register()
    case_no = desk.open(case_id)[0].case_no
    desk.claim(desk.open(case_id)[0])
    assert "1 cases verified, 0 with faults" in run("verify").output
    told = run("replay", case_no).output
    assert "StartCase" in told
    assert "ClaimTask" in told
    assert "≠" not in told
    assert "XF0" in one_line(run("verify", "XF0"))


def test_an_unchanged_library_is_not_deployed_again(run) -> None:  # type: ignore[no-untyped-def]
    outcome = run("deploy")
    assert (outcome.exit_code, outcome.output) == (0, "")


def test_a_new_holiday_notice_dates_provisional_clocks_anew(
    run,  # type: ignore[no-untyped-def]
    url: str,
    tmp_path: Path,
) -> None:
    """day-counting.md, rule 10: the notice for 2027 is not out, then it is imported."""
    desk = Desk(open_bureau(url), at("2026-12-21"))
    case_id = desk.register()
    (before,) = desk.bureau.queries.clocks_of(case_id)
    assert (before["legal_due"], before["provisional"]) == ("2027-01-05", True)
    library = tmp_path / "processes"
    shutil.copytree(PROCESSES, library)
    calendar = library / "_shared" / "calendar.json"
    years = json.loads(calendar.read_text("utf-8"))
    off = ["2027-01-01", "2027-01-02", "2027-01-03", "2027-01-04", "2027-01-05"]
    years["2027"] = {"source": "test", "off": off, "makeup": []}
    calendar.write_text(json.dumps(years, ensure_ascii=False), "utf-8")
    outcome = run("deploy", str(library))
    assert "_shared: version 2" in outcome.output
    (after,) = desk.bureau.queries.clocks_of(case_id)
    assert (after["legal_due"], after["provisional"]) == ("2027-01-06", False)
    (item,) = desk.open(case_id)
    assert item.due == "2027-01-06"
    assert "0 with faults" in run("verify").output


def test_a_broken_definition_is_not_deployed(run, url: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    library = tmp_path / "processes"
    shutil.copytree(PROCESSES, library)
    diagram = library / "delivery" / "delivery.bpmn"
    diagram.write_text(diagram.read_text("utf-8").replace("userTask", "scriptTask"), "utf-8")
    outcome = run("deploy", str(library))
    assert outcome.exit_code == 1
    assert "Traceback" not in outcome.output
    assert open_bureau(url).library.latest["delivery"] == 1


def test_a_broken_database_file_is_said_in_one_line(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "anjie.db").write_bytes(b"this is no database" * 100)
    monkeypatch.setenv("ANJIE_INSTANCE", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for words in (["verify"], ["init"], ["serve", "--port", str(free_port())]):
        assert "backup" in one_line(CliRunner().invoke(cli, words))


def test_a_newer_schema_is_said_in_one_line(run, url: str) -> None:  # type: ignore[no-untyped-def]
    bureau = open_bureau(url)
    with bureau.database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num='9999'")
    bureau.close()
    assert "newer" in one_line(run("verify"))
    assert "newer" in one_line(run("init"))


def test_a_database_without_tables_asks_for_init(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    assert "anjie init" in one_line(CliRunner().invoke(cli, ["verify"]))


def test_an_address_that_is_none_is_said_in_one_line(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("DATABASE_URL", "not an address")
    assert "sqlite:///" in one_line(CliRunner().invoke(cli, ["verify"]))


def test_a_taken_port_is_said_in_one_line(run) -> None:  # type: ignore[no-untyped-def]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = run("serve", "--port", str(taken.getsockname()[1]))
    assert "PORT" in one_line(outcome)


def test_init_makes_an_empty_bureau_ready_to_serve(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("ANJIE_INSTANCE", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    outcome = CliRunner().invoke(cli, ["init"])
    assert outcome.exit_code == 0, outcome.output
    assert "petition: version 1" in outcome.output
    assert CliRunner().invoke(cli, ["verify"]).output == "0 cases verified, 0 with faults\n"
    assert not (tmp_path / "demo").exists()
