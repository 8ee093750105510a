"""What README.md and CHANGELOG.md count and name is what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.__main__ import cli
from engine.demo.script import read_script
from tests.support import PROCESSES

ROOT = PROCESSES.parent
README = (ROOT / "README.md").read_text("utf-8")
BUREAU = json.loads((PROCESSES / "_shared" / "bureau.json").read_text("utf-8"))
ROLES = json.loads((PROCESSES / "_shared" / "roles.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_the_demo_bureau_is_as_large_as_told(name: str) -> None:
    told = (ROOT / name).read_text("utf-8")
    there = {
        "organisations": len(BUREAU["organisations"]),
        "people": len(BUREAU["people"]),
        "petitions": len(read_script(PROCESSES / "_demo").matters),
    }
    found = {word: re.findall(rf"(\d+) {word}\b", told) for word in there}
    assert found["petitions"]
    for word, counts in found.items():
        assert set(counts) <= {str(there[word])}, word


def test_each_role_is_listed_with_those_who_hold_it() -> None:
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", README, re.MULTILINE))
    held = {role: [] for role in ROLES}
    for person in BUREAU["people"]:
        for role in dict.fromkeys(place["role"] for place in person["roles"]):
            held[role].append(f"{person['zh']} `{person['id']}`")
    for role, people in held.items():
        if people:
            more = f" and {len(people) - 3} more" if len(people) > 3 else ""
            row = rows.get(f"{ROLES[role]['zh']} {ROLES[role]['en']}")
            assert row == "、".join(people[:3]) + more


def test_each_command_is_listed_and_each_listed_command_is_there() -> None:
    listed = set(re.findall(r"`anjie ([a-z]+)", README))
    assert listed == set(cli.commands)


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert Path(ROOT, "web/static/img/case.png").stat().st_size < 300_000
