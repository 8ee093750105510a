"""How notifications leave: by SMTP when `ANJIE_SMTP` names a server, else as files.

Delivering the same key twice is harmless: a file has the key as its name, a mail has it as its
Message-ID. What has no mail address (a petitioner, a role that nobody holds) is a file in any case,
for the office to send by other means.
"""

from __future__ import annotations

import os
import secrets
import smtplib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol, Self

import structlog

log = structlog.get_logger("outgoing")


@dataclass(frozen=True)
class Notification:
    """`recipient`: `role@organisation` or `petitioner`; `people`: who holds that role now."""

    key: str
    recipient: str
    people: tuple[str, ...]
    subject: str
    body: str
    at: datetime


class Way(Protocol):
    """A way out for notifications."""

    def deliver(self, note: Notification) -> None:
        """Raises OSError when it cannot be delivered now."""


class Outgoing:
    """The way out. `server` is `HOST:PORT` of an SMTP relay, or None for files in `folder`."""

    def __init__(self, folder: Path, server: str | None, domain: str) -> None:
        self._folder, self._server, self._domain = folder, server, domain

    @classmethod
    def from_environment(cls, instance: Path) -> Self:
        """`ANJIE_SMTP` (HOST:PORT) and `ANJIE_MAIL_DOMAIN`, the domain of internal addresses."""
        domain = os.environ.get("ANJIE_MAIL_DOMAIN", "anjie.invalid")
        return cls(instance / "outgoing", os.environ.get("ANJIE_SMTP"), domain)

    def deliver(self, note: Notification) -> None:
        """Raises OSError when the server or the disk refuses; then it is tried again.

        Whom the server refuses while it takes the mail for others is told in the log.
        """
        message = self._message(note)
        if self._server is None or not note.people:
            self._write(note.key, message)
            return
        host, _, port = self._server.partition(":")
        with smtplib.SMTP(host, int(port or 25), timeout=10) as server:
            refused = server.send_message(message)
        if refused:
            log.warning("mail refused for some", key=note.key, refused=sorted(refused))

    def _message(self, note: Notification) -> EmailMessage:
        message = EmailMessage()
        message["Message-ID"] = f"<{note.key}@{self._domain}>"
        message["Date"] = format_datetime(note.at)
        message["From"] = f"anjie@{self._domain}"
        if note.people:
            message["To"] = ", ".join(f"{p}@{self._domain}" for p in note.people)
        message["X-Anjie-Recipient"] = note.recipient
        message["Subject"] = " ".join(note.subject.split())
        message.set_content(note.body)
        return message

    def _write(self, key: str, message: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{key}.eml"
        # Two senders may write the same key at once, each its own partial file.
        partial = path.with_suffix(f".{secrets.token_hex(4)}.part")
        partial.write_bytes(bytes(message))
        partial.replace(path)
