"""Regular expressions as FEEL has them (XPath 3.1, section 5.6.1), matched in linear time.

Python's own matcher backtracks: a dozen characters of pattern can hold it for years. Here a
pattern becomes a small machine that reads the text once, whatever the pattern; so nesting of
quantifiers is harmless, and what needs backtracking (back-references, look-around) is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from engine.expressions.bounds import MAX_STATES, Run
from engine.expressions.regex_syntax import (
    Alternatives,
    Anchor,
    Group,
    Part,
    Repeat,
    Sequence,
    Single,
    parse_pattern,
)

Spans = tuple[int, ...]
"""Start and end of the whole match, then of each group; -1 for a group that took no part."""


@dataclass(slots=True)
class _Step:
    """One state: take a character, or go on to others (the preferred first), or note a place."""

    takes: Callable[[str], bool] | None = None
    anchor: str | None = None
    saves: int | None = None
    to: tuple[int, ...] = ()


class Pattern:
    """A compiled pattern; raises ValueError when it is none or too large."""

    def __init__(self, pattern: str, flags: str) -> None:
        parsed = parse_pattern(pattern, flags)
        self.multiline = "m" in flags
        self.groups = parsed.groups
        self._steps: list[_Step] = []
        self._emit(Group(parsed.part, 0))
        self._end = len(self._steps)

    @property
    def states(self) -> int:
        """At most so many steps are taken at each character of a text, and one more."""
        return self._end + 1

    def search(self, text: str, start: int, run: Run) -> Spans | None:
        """The leftmost match at or after start; raises ExpressionFailed beyond the bounds."""
        found: Spans | None = None
        blank: Spans = (-1,) * (2 * self.groups + 2)
        threads: list[tuple[int, Spans]] = []
        for at in range(start, len(text) + 1):
            starting = [(0, blank)] if found is None else []
            states = self._closure(threads + starting, text, at, run)
            threads = []
            for state, spans in states:
                if state == self._end:
                    found = spans
                    break
                takes = self._steps[state].takes
                if takes is not None and at < len(text) and takes(text[at]):
                    threads.append((state + 1, spans))
            if found is not None and not threads:
                break
        return found

    def _closure(
        self, threads: list[tuple[int, Spans]], text: str, at: int, run: Run
    ) -> list[tuple[int, Spans]]:
        """The states reached without a character, each once, the preferred way first."""
        reached: list[tuple[int, Spans]] = []
        seen: set[int] = set()
        waiting = threads[::-1]
        while waiting:
            state, spans = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            step = self._steps[state] if state != self._end else None
            if step is None or step.takes is not None:
                reached.append((state, spans))
            elif step.saves is not None:
                slot = step.saves
                waiting.append((state + 1, (*spans[:slot], at, *spans[slot + 1 :])))
            elif step.anchor is None or self._stands(step.anchor, text, at):
                waiting.extend((to, spans) for to in reversed(step.to))
        run.spend(1 + len(seen))
        return reached

    def _stands(self, anchor: str, text: str, at: int) -> bool:
        edge = 0 if anchor == "^" else len(text)
        neighbour = at - 1 if anchor == "^" else at
        return at == edge or (self.multiline and text[neighbour] == "\n")

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= MAX_STATES:
            raise ValueError(f"it needs more than {MAX_STATES} states")
        self._steps.append(step)
        return len(self._steps) - 1

    def _emit(self, part: Part) -> None:
        match part:
            case Single(takes):
                self._add(_Step(takes=takes))
            case Anchor(sign):
                at = self._add(_Step(anchor=sign))
                self._steps[at].to = (at + 1,)
            case Sequence(parts):
                for element in parts:
                    self._emit(element)
            case Alternatives(parts):
                self._alternatives(parts)
            case Group(inner, number):
                self._group(inner, number)
            case Repeat():
                self._repeat(part)

    def _group(self, inner: Part, number: int | None) -> None:
        if number is None:
            self._emit(inner)
            return
        self._add(_Step(saves=2 * number))
        self._emit(inner)
        self._add(_Step(saves=2 * number + 1))

    def _alternatives(self, parts: list[Part]) -> None:
        leaving: list[int] = []
        for part in parts[:-1]:
            fork = self._add(_Step())
            self._emit(part)
            leaving.append(self._add(_Step()))
            self._steps[fork].to = (fork + 1, len(self._steps))
        self._emit(parts[-1])
        for step in leaving:
            self._steps[step].to = (len(self._steps),)

    def _repeat(self, part: Repeat) -> None:
        for _ in range(part.least):
            self._emit(part.part)
        if part.most is None:
            fork = self._add(_Step())
            self._emit(part.part)
            self._add(_Step(to=(fork,)))
            self._fork(fork, part.greedy)
            return
        forks = []
        for _ in range(part.most - part.least):
            forks.append(self._add(_Step()))
            self._emit(part.part)
        for fork in forks:
            self._fork(fork, part.greedy)

    def _fork(self, fork: int, greedy: bool) -> None:
        """Into the part that follows the fork, or past all that has been emitted."""
        ways = (fork + 1, len(self._steps))
        self._steps[fork].to = ways if greedy else ways[::-1]


@lru_cache(maxsize=256)
def compile_pattern(pattern: str, flags: str) -> Pattern:
    """Raises ValueError that says what is wrong with the pattern or its flags."""
    return Pattern(pattern, flags)
