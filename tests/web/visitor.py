"""Somebody at the pages without JavaScript: opens, reads, fills in and presses buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask.testing import FlaskClient
from lxml import html
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

Fields = Mapping[str, str | Sequence[str]]


class Visitor:
    """A browser of its own; `page` is what was answered last."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.answer: TestResponse
        self.page: Any = None

    def open(self, address: str, expect: int = 200) -> Visitor:
        return self._see(self.client.get(address, follow_redirects=True), expect)

    def press(
        self,
        text: str,
        fields: Fields | None = None,
        *,
        extra: Fields | None = None,
        nth: int = 0,
        expect: int = 200,
    ) -> Visitor:
        """Press the button with this text; `fields` are put over what stands in its form, and
        must exist there; `extra` are sent besides."""
        button = self.page.xpath(f"//button[normalize-space()='{text}']")[nth]
        form = self._form_of(button)
        data = MultiDict(form.form_values())
        for name, value in (fields or {}).items():
            assert form.xpath(".//*[@name=$n]", n=name), f"{name} is not in the form"
            data.setlist(name, [value] if isinstance(value, str) else list(value))
        for name, value in (extra or {}).items():
            data.setlist(name, [value] if isinstance(value, str) else list(value))
        if button.get("name"):
            data[button.get("name")] = button.get("value", "")
        if form.get("method", "get").lower() == "get":
            action = form.action or self.path
            return self._see(self.client.get(action, query_string=data), expect)
        self.sent = (form.action, data)
        return self._see(self.client.post(form.action, data=data, follow_redirects=True), expect)

    def send_again(self, expect: int = 200) -> Visitor:
        """The second of two clicks."""
        action, data = self.sent
        return self._see(self.client.post(action, data=data, follow_redirects=True), expect)

    def _form_of(self, button: Any) -> Any:
        if button.get("form"):
            return self.page.get_element_by_id(button.get("form"))
        return next(button.iterancestors("form"))

    def _see(self, answer: TestResponse, expect: int) -> Visitor:
        assert answer.status_code == expect, (answer.status_code, answer.text[:2000])
        self.answer = answer
        self.page = html.fromstring(answer.text)
        return self

    @property
    def text(self) -> str:
        """The words of the content, blanks joined."""
        return " ".join(self.page.xpath("//main")[0].text_content().split())

    @property
    def path(self) -> str:
        return self.answer.request.path

    def log_in(self, person: str) -> Visitor:
        self.open("/login")
        button = self.page.xpath("//button[@name='person'][@value=$p]", p=person)[0]
        return self.press(" ".join(button.text_content().split()))

    def value(self, name: str) -> str | None:
        """What stands in a field."""
        found = self.page.xpath("//form//*[@name=$n]", n=name)[0]
        return found.value if found.tag != "textarea" else (found.text or "").removeprefix("\n")

    def summary(self) -> dict[str, str]:
        """The summary of errors: target of the link (or the name) -> message."""
        found = {}
        for line in self.page.xpath("//*[@role='alert']//li"):
            link = line.find("a")
            key = link.get("href") if link is not None else line.findtext("strong")
            found[key] = " ".join(line.text_content().split())
        return found
