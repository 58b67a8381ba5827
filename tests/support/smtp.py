"""A real mail server in the test's own process, which makes the trouble that it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

from aiosmtpd.smtp import SMTP as SmtpProtocol  # noqa: N811  # a class, whatever its name looks like
from aiosmtpd.smtp import Envelope, Session

from sandbox.ports import free_port

Mood = Literal["well", "refuses_address", "refuses_sender", "busy", "refuses_mail", "drops_the_answer"]


@dataclass
class MailServer:
    """`mails` is what it has taken, in order, as it came; `mood` what it does from now on."""

    port: int
    mood: Mood = "well"
    mails: list[bytes] = field(default_factory=list)
    seen: list[tuple[str | None, list[str]]] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's names
        self, server: SmtpProtocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mood == "refuses_sender":
            return "550 not from here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SmtpProtocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mood == "refuses_address":
            return "550 nobody of that name"
        if self.mood == "busy":
            return "451 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SmtpProtocol, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.mood == "refuses_mail":
            return "554 looks like spam"
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.seen.append((envelope.mail_from, envelope.rcpt_tos))
        if self.mood == "drops_the_answer":
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"

    def read(self) -> list[EmailMessage]:
        return [message_from_bytes(mail, EmailMessage, policy=SMTP) for mail in self.mails]


@contextlib.asynccontextmanager
async def mail_server(port: int | None = None) -> AsyncIterator[MailServer]:
    """It listens inside the block."""
    made = MailServer(port or free_port())
    listening = await asyncio.get_running_loop().create_server(
        lambda: SmtpProtocol(made, enable_SMTPUTF8=True, hostname="test"), "127.0.0.1", made.port
    )
    async with listening:
        yield made
