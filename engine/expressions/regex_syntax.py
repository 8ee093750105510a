"""Reads the text of a regular expression (XML Schema's syntax with XPath's additions)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from engine.expressions.bounds import MAX_PATTERN, MAX_STATES

_MAX_GROUPS = 30
Takes = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Single:
    """One character for which `takes` holds."""

    takes: Takes


@dataclass(frozen=True, slots=True)
class Anchor:
    sign: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Alternatives:
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Group:
    """A part in parentheses; without a number it is not kept."""

    part: Part
    number: int | None


@dataclass(frozen=True, slots=True)
class Repeat:
    part: Part
    least: int
    most: int | None
    greedy: bool


Part = Single | Anchor | Sequence | Alternatives | Group | Repeat


@dataclass(frozen=True, slots=True)
class Parsed:
    part: Part
    groups: int


def parse_pattern(pattern: str, flags: str) -> Parsed:
    """Raises ValueError that says what is wrong."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"it has more than {MAX_PATTERN} characters")
    if not set(flags) <= set("smixq"):
        raise ValueError(f"`{flags}` are no flags; the flags are s, m, i, x and q")
    if "q" in flags:
        characters: list[Part] = [Single(_equals(c, "i" in flags)) for c in pattern]
        return Parsed(Sequence(characters), 0)
    reader = _Reader(pattern, flags)
    part = reader.alternatives()
    if not reader.done():
        raise ValueError("a `)` has no `(`")
    return Parsed(part, reader.groups)


def _equals(wanted: str, any_case: bool) -> Takes:
    if not any_case:
        return lambda c: c == wanted
    folded = wanted.casefold()
    return lambda c: c.casefold() == folded


_NAME_START = re.compile(r"[^\W\d]|:")
_SHORT: dict[str, Takes] = {
    "d": str.isdecimal,
    "s": lambda c: c in " \t\n\r",
    "w": lambda c: unicodedata.category(c)[0] not in "PZC",
    "i": lambda c: _NAME_START.fullmatch(c) is not None,
    "c": lambda c: c in "-.:_·" or c.isalnum(),
}
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}
_CATEGORY = re.compile(r"\{(L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|Z[slp]?|S[mcko]?|C[cfon]?)\}")
_COUNT = re.compile(r"\{(\d{1,4})(,(\d{1,4})?)?\}", re.ASCII)


class _Reader:
    """Recursive descent over the pattern; depth is bounded by _MAX_GROUPS."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.pattern = pattern
        self.flags = flags
        self.at = 0
        self.groups = 0
        self.opened = 0

    def done(self) -> bool:
        self._skip_space()
        return self.at >= len(self.pattern)

    def _skip_space(self) -> None:
        while "x" in self.flags and self.pattern[self.at : self.at + 1] in tuple(" \t\n\r"):
            self.at += 1

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise ValueError("it ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def _take(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def alternatives(self) -> Part:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Alternatives(parts)

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while not self.done() and self.pattern[self.at] not in "|)":
            parts.append(self._quantified(self._atom()))
        return Sequence(parts)

    def _quantified(self, part: Part) -> Part:
        self._skip_space()
        counts = self._counts()
        if counts is None:
            return part
        if isinstance(part, Anchor):
            raise ValueError("`^` or `$` is repeated")
        return Repeat(part, *counts, greedy=not self._take("?"))

    def _counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return counts
        if self.pattern[self.at : self.at + 1] != "{":
            return None
        found = _COUNT.match(self.pattern, self.at)
        if found is None:
            raise ValueError("`{` opens no count such as `{2}`, `{2,}` or `{2,5}`")
        self.at = found.end()
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if (most is not None and most < least) or least > MAX_STATES:
            raise ValueError(f"the count `{found[0]}` is none")
        return least, most

    def _atom(self) -> Part:
        c = self._next()
        if c == "(":
            return self._group()
        if c in "^$":
            return Anchor(c)
        if c == "[":
            return Single(self._cased(self._class()))
        if c == "\\":
            return self._escape()
        if c == ".":
            every = "s" in self.flags
            return Single(lambda c: every or c not in "\n\r")
        if c in "*+?{}]":
            raise ValueError(f"`{c}` follows nothing; write `\\{c}` for the character")
        return Single(_equals(c, "i" in self.flags))

    def _group(self) -> Part:
        self.opened += 1
        if self.opened > _MAX_GROUPS:
            raise ValueError(f"it has more than {_MAX_GROUPS} groups")
        number: int | None = None
        if not self._take("?:"):
            if self._take("?"):
                raise ValueError("`(?` asks for look-around or a named group, which FEEL has not")
            self.groups += 1
            number = self.groups
        inner = self.alternatives()
        if not self._take(")"):
            raise ValueError("a `(` has no `)`")
        return Group(inner, number)

    def _escape(self) -> Part:
        if self.pattern[self.at : self.at + 1] in tuple("123456789"):
            raise ValueError("it refers back to a group, which FEEL's bounded matching refuses")
        found = self._escaped()
        return Single(_equals(found, "i" in self.flags) if isinstance(found, str) else found)

    def _escaped(self) -> str | Takes:
        c = self._next()
        if c in _CONTROL:
            return _CONTROL[c]
        if c in "pP":
            found = _CATEGORY.match(self.pattern, self.at)
            if found is None:
                raise ValueError(f"`\\{c}` names no category such as `\\{c}{{L}}`")
            self.at = found.end()
            return _negated(_in_category(found[1]), c == "P")
        if c.lower() in _SHORT:
            return _negated(_SHORT[c.lower()], c.isupper())
        if c.isalnum():
            raise ValueError(f"`\\{c}` is no escape")
        return c

    def _cased(self, takes: Takes) -> Takes:
        if "i" not in self.flags:
            return takes
        return lambda c: takes(c) or takes(c.lower()[0]) or takes(c.upper()[0])

    def _class(self) -> Takes:
        """The class after its `[`, with XML Schema's subtraction: `[a-z-[aeiou]]`."""
        negative = self._take("^")
        members: list[Takes] = []
        without: Takes | None = None
        while not self._take("]"):
            if self._take("-["):
                without = self._subtracted()
                break
            members.append(self._member())
        if not members:
            raise ValueError("a class `[...]` is empty")
        inside = _negated(_any_of(members), negative)
        return inside if without is None else _difference(inside, without)

    def _subtracted(self) -> Takes:
        self.opened += 1
        if self.opened > _MAX_GROUPS:
            raise ValueError(f"it has more than {_MAX_GROUPS} groups")
        without = self._class()
        if not self._take("]"):
            raise ValueError("a class goes on after its subtraction")
        return without

    def _member(self) -> Takes:
        first = self._member_end()
        follows = self.pattern[self.at + 1 : self.at + 2]
        if not isinstance(first, str):
            return first
        if follows in ("", "]", "[") or not self._take("-"):
            return _equals(first, any_case=False)
        last = self._member_end()
        if not isinstance(last, str) or last < first:
            raise ValueError(f"a class has no range from `{first}` to there")
        return _between(first, last)

    def _member_end(self) -> str | Takes:
        c = self._next()
        if c == "[":
            raise ValueError("a class holds a bare `[`; write `\\[`")
        return self._escaped() if c == "\\" else c


def _negated(takes: Takes, negative: bool) -> Takes:
    return (lambda c: not takes(c)) if negative else takes


def _any_of(members: list[Takes]) -> Takes:
    return lambda c: any(takes(c) for takes in members)


def _difference(inside: Takes, without: Takes) -> Takes:
    return lambda c: inside(c) and not without(c)


def _between(first: str, last: str) -> Takes:
    return lambda c: first <= c <= last


def _in_category(name: str) -> Takes:
    return lambda c: unicodedata.category(c).startswith(name)
