from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from flask import Flask

from engine.errors import StoreUnusable
from engine.execute import Bureau
from tests import support
from tests.web.visitor import Visitor
from web import wsgi
from web.app import create_app
from web.assets import Assets


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of a good database."""
    copy = tmp_path / "anjie.db"
    shutil.copyfile(support.sqlite_url().removeprefix("sqlite:///"), copy)
    return copy


def broken_app(file: Path) -> Flask:
    bureau = support.open_bureau(f"sqlite:///{file}")
    app = create_app(bureau, demo=True, secret_key="test")
    bureau.database.dispose()
    with sqlite3.connect(file) as connection:
        for table in ("case_file", "session", "person", "log_in_failure"):
            connection.execute(f"DROP TABLE {table}")
    return app


def test_healthz_tells_version_and_that_the_database_answers(app: Flask):
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "version": "0.1.0"}


def test_without_its_tables_everything_answers_503_and_what_to_do(file: Path):
    client = broken_app(file).test_client()
    assert client.get("/healthz").status_code == 503
    page = client.get("/login")
    assert page.status_code == 503
    assert "数据库没有响应" in page.text
    problem = client.get("/api/v1/inbox", headers={"Authorization": "Bearer x"})
    assert problem.status_code == 503
    assert problem.mimetype == "application/problem+json"


def test_a_broken_database_file_stops_the_start_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "anjie.db").write_bytes(b"this is no database, it never was one" * 100)
    monkeypatch.setenv("ANJIE_INSTANCE", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(StoreUnusable) as refused:
        wsgi.create()
    assert "\n" not in refused.value.message
    assert "backup" in refused.value.message


def test_a_newer_schema_stops_the_start(file: Path, monkeypatch: pytest.MonkeyPatch):
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    monkeypatch.setenv("ANJIE_INSTANCE", str(file.parent))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(StoreUnusable, match="newer"):
        wsgi.create()


def test_the_application_for_gunicorn_is_a_demo_only_where_the_instance_says_so(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ANJIE_INSTANCE", str(file.parent))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert "林晓燕" not in wsgi.create().test_client().get("/login").text
    (file.parent / wsgi.DEMO).touch()
    assert "林晓燕" in wsgi.create().test_client().get("/login").text


def test_the_key_that_signs_is_kept_and_readable_to_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("ANJIE_SECRET_KEY", raising=False)
    key = wsgi.secret_key(tmp_path / "new")
    assert len(key) == 64
    assert wsgi.secret_key(tmp_path / "new") == key
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("ANJIE_SECRET_KEY", "given")
    assert wsgi.secret_key(tmp_path / "new") == "given"


def test_without_a_build_the_pages_say_that_diagrams_need_it(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch, petition: support.InboxItem
):

    monkeypatch.setattr(Assets, "read", classmethod(lambda cls: cls({})))
    app = create_app(bureau, clock=lambda: support.at("2025-09-22"), demo=True)
    lin = Visitor(app.test_client()).log_in("lin").open(f"/cases/{petition.case_no}")
    assert "流程图需要先构建前端" in lin.text
    assert not lin.page.xpath("//script | //*[@data-xml-url]")
    assert lin.page.xpath("//details[@open]//tbody/tr")


def test_a_build_names_its_scripts_and_the_styles_of_what_it_imports(app: Flask, tmp_path: Path):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        '{"src/main.js": {"file": "a/m-1.js", "css": ["a/m-1.css"], "imports": ["_x.js"]},'
        ' "_x.js": {"file": "a/x-2.js", "css": ["a/x-2.css"]}}'
    )
    assets = Assets.read(manifest)
    with app.test_request_context():
        assert assets.script("src/main.js") == "/static/dist/a/m-1.js"
        assert assets.styles("src/main.js") == ["/static/dist/a/x-2.css", "/static/dist/a/m-1.css"]
        assert assets.script("src/other.js") is None
    manifest.write_text("{")
    assert not Assets.read(manifest).built
