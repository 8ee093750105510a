"""The catalogue of messages is complete."""

from __future__ import annotations

import string
from pathlib import Path

from engine.messages import CATALOGUE, LANGUAGES, Message


def test_every_message_is_written_in_both_languages_with_the_same_blanks() -> None:
    for key, texts in CATALOGUE.items():
        assert set(texts) == set(LANGUAGES), key
        blanks = [
            {name for _, name, _, _ in string.Formatter().parse(words) if name}
            for words in texts.values()
        ]
        assert blanks[0] == blanks[1], key
        assert all(words.strip() for words in texts.values()), key


def test_an_analysts_words_are_said_as_they_are() -> None:
    assert [Message("", words="请{核对}").text(lang) for lang in LANGUAGES] == ["请{核对}"] * 2


def test_every_message_is_said_somewhere() -> None:
    root = Path(__file__).parents[2]
    sources = [path for part in ("engine", "web") for path in (root / part).rglob("*.py")]
    said = "".join(path.read_text() for path in sources if path.name != "messages.py")
    assert [key for key in CATALOGUE if f'"{key}"' not in said] == []
