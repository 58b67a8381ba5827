"""`python -m sandbox.mail`: the mail catcher, an SMTP server that keeps every mail in a folder and sends none on.

A mail is on disk before it is answered, each receipt a file of its own: what comes twice, because an answer was lost,
is one mail in `caught`, as it is one in a mailbox that knows its Message-ID, and says how often it came.
"""

import argparse
import asyncio
import hashlib
import os
import re
import signal
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP as SmtpProtocol  # noqa: N811  # a class, whatever its name looks like
from aiosmtpd.smtp import Envelope, Session

from sandbox.child import Program
from sandbox.home import read_offset

RECEIVED = "X-Sandbox-Received"
LARGEST_BYTES = 1024 * 1024
LINK = re.compile(r"https?://\S+")
READY_SECONDS = 2.0


@dataclass(frozen=True)
class Mail:
    """A caught mail. `at` is the sandbox's time when it first came, `received` how often it came."""

    message_id: str
    sender: str
    reply_to: str | None
    to: str
    subject: str
    text: str
    html: str
    at: datetime
    received: int

    @property
    def delivery(self) -> str:
        """Of which delivery it is: its Message-ID says so."""
        return self.message_id.strip("<>").partition("@")[0]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.delivery,
            "from": self.sender,
            "reply_to": self.reply_to,
            "to": self.to,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "links": LINK.findall(self.text),
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "received": self.received,
        }


class Catcher:
    """aiosmtpd's handler: keeps what comes in a folder."""

    def __init__(self, folder: Path, clock_file: Path) -> None:
        self._folder = folder
        self._clock_file = clock_file

    async def handle_DATA(self, server: SmtpProtocol, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        now = datetime.now(UTC) + timedelta(seconds=read_offset(self._clock_file))
        keep(self._folder, envelope.content, now)
        return "250 OK"


def keep(folder: Path, content: bytes, at: datetime) -> None:
    """On disk when it returns, whole or not at all."""
    number = 1 + max((int(known.name.partition("-")[0]) for known in folder.glob("*.eml")), default=0)
    name = f"{number:08d}-{hashlib.sha256(content).hexdigest()[:16]}.eml"
    beside = folder / f"{name}.new"
    with beside.open("wb") as file:
        file.write(f"{RECEIVED}: {at.isoformat()}\r\n".encode() + content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / name)


def caught(folder: Path) -> list[Mail]:
    """Every mail, the first that came first."""
    found: dict[str, Mail] = {}
    for path in sorted(folder.glob("*.eml")):
        mail = _read(path)
        known = found.get(mail.message_id)
        found[mail.message_id] = replace(known, received=known.received + 1) if known else mail
    return list(found.values())


@lru_cache(maxsize=2000)
def _read(path: Path) -> Mail:
    """What a file holds, which never changes: its name tells of its content."""
    message = message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTP)
    reply_to = message["Reply-To"]
    return Mail(
        message_id=str(message["Message-ID"]).strip(),
        sender=str(message["From"]),
        reply_to=str(reply_to) if reply_to else None,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        at=datetime.fromisoformat(str(message[RECEIVED])),
        received=1,
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if isinstance(part, EmailMessage) else ""


def mail_program(folder: Path, port: int, clock_file: Path, log: Path) -> Program:
    """The catcher over `folder`, which is created when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return Program(
        name="mail",
        argv=(
            *(sys.executable, "-m", "sandbox.mail", "--port", str(port)),
            *("--folder", str(folder), "--clock-file", str(clock_file)),
        ),
        log=log,
        ready=lambda: _greets(port),
    )


async def _greets(port: int) -> bool:
    async with asyncio.timeout(READY_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return (await reader.readline()).startswith(b"220")
        finally:
            writer.close()


async def serve(folder: Path, port: int, clock_file: Path) -> None:
    """Catch mail until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    handler = Catcher(folder, clock_file)
    server = await loop.create_server(
        lambda: SmtpProtocol(handler, data_size_limit=LARGEST_BYTES, enable_SMTPUTF8=True, hostname="sandbox"),
        "127.0.0.1",
        port,
    )
    async with server:
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.mail", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port to listen on, on loopback")
    parser.add_argument("--folder", type=Path, required=True, help="where mail is kept")
    parser.add_argument("--clock-file", type=Path, required=True, help="file with the seconds to add to the wall clock")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.folder, arguments.port, arguments.clock_file))


if __name__ == "__main__":
    main()
