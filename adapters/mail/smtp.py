"""Mail over SMTP: one connection for each mail, all of it within a bounded time.

What SMTP can promise: a server that answers 250 after DATA has the mail, once. When that answer is lost nobody can
know, and the mail is sent again under the same Message-ID (docs/adr/0015).
"""

import asyncio
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from adapters.handover import NotTaken
from adapters.settings import Settings

_SECONDS: Final = 20.0
"""For one command."""
_ALL_SECONDS: Final = 45.0
"""For all of it: within the lease of a delivery."""
_OK: Final = 250
_FOR_GOOD: Final = 500


class SmtpMailer:
    """Hands mails to the server that the settings name."""

    def __init__(self, settings: Settings) -> None:
        if settings.smtp_host is None or settings.mail_from is None:
            raise ValueError("the settings name no mail server")
        self._host = settings.smtp_host
        self._port = settings.smtp_port
        self._tls = settings.smtp_tls
        self._user = settings.smtp_user
        self._password = settings.smtp_password
        self._from = settings.mail_from

    async def send(self, mail: EmailMessage) -> int:
        """The server's answer, once it has taken the mail. Raises NotTaken."""
        taken = False
        try:
            async with asyncio.timeout(_ALL_SECONDS), self._connection() as server:
                await server.send_message(mail, sender=self._from)
                taken = True
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            if not taken:  # a goodbye that fails takes nothing back
                raise _not_taken(error) from error
        return _OK

    def _connection(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password.get_secret_value() if self._password else None,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            timeout=_SECONDS,
        )


def _not_taken(error: Exception) -> NotTaken:
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            code = max((one.code for one in error.recipients), default=0)
            return NotTaken("the address was refused", code, for_good=code >= _FOR_GOOD)
        case aiosmtplib.SMTPDataError():
            return NotTaken("the mail was refused", error.code, for_good=error.code >= _FOR_GOOD)
        case aiosmtplib.SMTPResponseException():
            # Who we are, or whom we send for, was refused: the settings are to be mended, and the mail is not lost.
            return NotTaken(f"the mail server refuses us ({type(error).__name__})", error.code)
        case _:
            return NotTaken(f"the mail server can't be used ({type(error).__name__})")
