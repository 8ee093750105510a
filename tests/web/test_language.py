from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask

import web
from engine.queries import InboxItem
from tests.web.small import Errand
from tests.web.visitor import Visitor
from web.language import CATALOGUE

WEB = Path(web.__file__).parent
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
PLACES = re.compile(r"%\((\w+)\)s")


def sources() -> dict[str | tuple[str, str], str]:
    """Every text of the interface, English, with the file that has it."""
    found: dict[str | tuple[str, str], str] = {}
    rows = extract_from_dir(
        WEB,
        method_map=[
            ("frontend/**", "ignore"),
            ("**.py", "python"),
            ("templates/**.html", "jinja2"),
        ],
        keywords={"_": None, "_l": None, "ngettext": (1, 2)},
    )
    for file, _line, text, _comments, _context in rows:
        found.setdefault(text, file)
    return found


def parts(text: str | tuple[str, ...]) -> Iterator[str]:
    yield from ([text] if isinstance(text, str) else text)


def test_the_chinese_catalogue_has_every_text_and_no_other():
    with CATALOGUE.open("rb") as file:
        entries = {entry.id: entry for entry in read_po(file) if entry.id}
    wanted = sources()
    assert len(wanted) > 100
    assert not [text for text in wanted if text not in entries]
    assert not [text for text in entries if text not in wanted]
    for text, entry in entries.items():
        assert not entry.fuzzy
        for said in parts(entry.string):
            assert said, text
            longest = max(parts(text), key=len)
            assert set(PLACES.findall(said)) <= set(PLACES.findall(longest)), text
        missing = set(PLACES.findall(text if isinstance(text, str) else text[0])) - {"num"}
        assert missing <= set(PLACES.findall("".join(parts(entry.string)))), text


def test_the_texts_in_the_sources_are_english():
    assert not [text for text in sources() for part in parts(text) if CHINESE.search(part)]


def test_templates_have_no_words_outside_the_catalogue():
    """Letters between tags that no gettext call surrounds would stay in one language."""
    for template in (WEB / "templates").glob("*.html"):
        text = template.read_text("utf-8")
        text = re.sub(r"\{% block width %\}.*?\{% endblock %\}", "", text)
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
        words = re.findall(r"[A-Za-z\u4e00-\u9fff]{2,}", re.sub(r"<[^>]*>", " ", text))
        # What is left are attributes of a tag that a Jinja set block builds, and language names.
        assert set(words) <= {"English", "中文", "id", "name", "aria", "describedby", "invalid"} | {
            "true",
            "required",
        }, template


def test_pages_are_chinese_first_and_english_on_request(lin: Visitor, petition: InboxItem):
    lin.open(f"/tasks/{petition.id}")
    assert lin.page.get("lang") == "zh-CN"
    assert "领取并填写" in lin.text
    lin.open(f"/tasks/{petition.id}?lang=en")
    assert lin.path == f"/tasks/{petition.id}"
    assert lin.page.get("lang") == "en"
    assert "Claim and fill in" in lin.text
    lin.open("/inbox")
    assert "Unclaimed" in lin.text


def test_switching_keeps_the_page_and_its_filters(lin: Visitor):
    lin.open("/inbox?tab=queue&q=某")
    link = lin.page.xpath("//a[@hreflang='en']/@href")[0]
    lin.open(link)
    assert lin.answer.request.args.to_dict() == {"tab": "queue", "q": "某"}
    assert lin.page.xpath("//input[@name='q']/@value") == ["某"]


def test_an_english_page_has_no_chinese_but_what_the_procedures_and_people_wrote(
    lin: Visitor, errand: Errand
):
    lin.open("/inbox?lang=en&tab=queue")
    for place in ("//header[@class='bar']", "//nav", "//thead", "//button", "//title"):
        for found in lin.page.xpath(place):
            text = found.text_content().replace("中文", "")
            assert not CHINESE.search(text), text


def test_english_messages_stand_at_english_forms(lin: Visitor):
    lin.open("/register/petition?lang=en").press("Register", expect=422)
    assert "Fill in this field." in lin.summary()["#f-title"]


def test_an_error_page_speaks_the_readers_language(lin: Visitor):
    lin.open("/cases/XF0", expect=404)
    assert "没有找到" in lin.text
    lin.open("/login?lang=en")
    lin.open("/cases/XF0", expect=404)
    assert "This is not here" in lin.text


def test_an_unknown_language_is_no_language(app: Flask):
    answer = app.test_client().get("/login?lang=xx")
    assert answer.status_code == 200
    assert 'lang="zh-CN"' in answer.text
