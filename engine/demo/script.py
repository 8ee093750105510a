"""What the demo's matters are and what people answer in them: the reading of `processes/_demo/`.

`acts.toml` holds what everybody does in the ordinary way; each matter says where it differs and
where it stops. The format is `processes/_demo/README.md`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from engine.calendar import Calendar
from engine.errors import InvalidInput

OMITTED = "-"
"""As a value: leave this field out, whatever the ordinary way says."""
_WORD = re.compile(r"\{(\w+)(\?)?\}")
_DAY = re.compile(r"(today|workday)([+-]\d+)")


@dataclass(frozen=True)
class Act:
    """How a task is answered: `after` so many working days, with `values` for its form."""

    after: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Matter:
    """One petition. `ago`: working days before now on which it came in. `place`: the organisation
    that starts `procedure`. `stop`: the elements at which it rests; none means that it closes."""

    id: str
    ago: int
    procedure: str
    place: str
    stop: frozenset[str]
    claimed: frozenset[str]
    acts: Mapping[str, Any]
    words: Mapping[str, Any]

    def random(self, what: str) -> Random:
        """The same choices in every run."""
        return Random(f"{self.id}:{what}")


@dataclass(frozen=True)
class Script:
    """The ordinary acts by element, the words that they share, and the matters."""

    acts: Mapping[str, Mapping[str, Any]]
    words: Mapping[str, str]
    matters: tuple[Matter, ...]

    def act(self, matter: Matter, element: str, organisation: str, nth: int) -> Act | None:
        """What `matter` says for the nth time that `element` is open, over the ordinary act.

        None when neither says anything: nobody touches it.
        """
        own = matter.acts.get(f"{element}@{organisation}", matter.acts.get(element))
        if isinstance(own, list):
            own = own[nth] if nth < len(own) else None
        usual = self.acts.get(element)
        if own is None and (usual is None or usual.get("only_when_told")):
            return None
        fields = self._whole(
            own if own and "like" in own else {**(usual or {}), **(own or {})}, matter
        )
        after, vary = fields.get("after", 1), fields.get("vary", {})
        random = matter.random(f"{element}{organisation}{nth}")
        for key, choices in vary.items():
            fields.setdefault(key, random.choice(choices))
        if isinstance(after, list):
            after = random.randint(*after)
        told = ("after", "vary", "like", "only_when_told")
        return Act(after, {k: v for k, v in fields.items() if k not in told})

    def _whole(self, fields: Mapping[str, Any], matter: Matter) -> dict[str, Any]:
        """With what the act that it is `like` says."""
        if (like := fields.get("like")) is None:
            return dict(fields)
        return {**self._whole(self.acts[like.format_map(matter.words)], matter), **fields}


def read_script(folder: Path) -> Script:
    """Read `acts.toml` and every other `.toml` of the folder. Raises InvalidInput."""
    acts: dict[str, Any] = {}
    matters: list[Matter] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise InvalidInput({path.name: [str(error)]}, f"{path}: {error}") from None
        if path.name == "acts.toml":
            acts = data
        else:
            matters += [_matter(name, entry) for name, entry in data.items()]
    return Script(acts["acts"], acts["words"], tuple(matters))


def _matter(name: str, entry: Mapping[str, Any]) -> Matter:
    plan = ("ago", "procedure", "office", "receiver", "stop", "claimed", "acts")
    words = {key: value for key, value in entry.items() if key not in plan}
    random = Random(name)
    words["petitioners"] = [_person(text, random) for text in entry["petitioners"]]
    words["consenting"] = [
        {**person, "e_service": entry["channel"] == "net"} for person in words["petitioners"]
    ]
    if entry["channel"] == "call":
        words["oral"] = True
    words["name"] = words["petitioners"][0]["name"]
    words["number"] = random.randint(1000, 9999)
    words["requests"] = "；".join(claim["request"] for claim in entry["claims"])
    words["amounts"] = [
        {k: v for k, v in claim.items() if k in ("request", "amount", "target")}
        for claim in entry["claims"]
    ]
    if "representatives" in entry:
        words["representatives"] = [
            {k: v for k, v in _person(text, random).items() if k != "address"}
            for text in entry["representatives"]
        ]
    return Matter(
        id=name,
        ago=entry["ago"],
        procedure=entry.get("procedure", "petition"),
        place=entry["receiver"] if "receiver" in entry else entry["office"],
        stop=frozenset(entry.get("stop", ())),
        claimed=frozenset(entry.get("claimed", ())),
        acts=entry.get("acts", {}),
        words=words,
    )


def _person(text: str, random: Random) -> dict[str, str]:
    """`name|address`; who gives no address gives no telephone number either.

    No number of the demo is anybody's: none begins with 160.
    """
    name, _, address = text.partition("|")
    if not address:
        return {"name": name}
    return {"name": name, "address": address, "phone": f"1600000{random.randint(1000, 9999)}"}


class Words(dict[str, Any]):
    """What the texts of an act may name in braces, for one act on one day."""

    def __init__(self, words: Mapping[str, Any], shared: Mapping[str, str], days: Days) -> None:
        super().__init__(words)
        self._shared, self._days = shared, days
        self["today"], self["year"] = days.today.isoformat(), days.today.year

    def __missing__(self, word: str) -> Any:
        if day := _DAY.fullmatch(word):
            return self._days.count(day[1], int(day[2])).isoformat()
        return self._shared[word].format_map(self)

    def fill(self, value: Any) -> Any:
        """`value` with its words filled in; None for an optional word that is not there."""
        if isinstance(value, Mapping):
            filled = {key: self.fill(inner) for key, inner in value.items()}
            return {k: v for k, v in filled.items() if v is not None and v != OMITTED}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if (alone := _WORD.fullmatch(value)) is None:
            return value.format_map(self)
        if alone[2] and alone[1] not in self:
            return None
        return self[alone[1]]

    def opinions(self) -> dict[str, Any]:
        """The opinion on each claim, whether one is supported, and by when it is performed."""
        rows, last = [], None
        for claim in self["claims"]:
            row = {k: claim[k] for k in ("request", "result", "basis", "performer") if k in claim}
            row["facts"] = claim["found"]
            if "within" in claim:
                due = self._days.today + timedelta(days=claim["within"])
                row["due_on"], last = due.isoformat(), max(last or due, due)
            rows.append(row)
        found: dict[str, Any] = {"claim_opinions": rows, "has_support": last is not None}
        return found | ({"perform_due": last.isoformat()} if last else {})


@dataclass(frozen=True)
class Days:
    """Dates around the day of an act."""

    today: date
    calendar: Calendar

    def count(self, unit: str, days: int) -> date:
        """`today` counts calendar days, back too; `workday` working days, from today on."""
        if unit == "today":
            return self.today + timedelta(days=days)
        return self.calendar.add_working_days(self.today, days)
