"""Hands a message to the mail server, or says why it is not sent."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Final, Protocol

from activities.ports import Clock
from adapters.handover import Moot, NotTaken
from adapters.ids import derived_id
from adapters.mail.letter import Letterhead, compose
from adapters.postgres import messages
from adapters.postgres.letters import Envelope, envelope
from adapters.postgres.message_deliveries import Claimed
from adapters.postgres.pool import Pool, transaction
from billing.invoices import InvoiceStatus
from billing.notices import Notice, NoticeKind

_ASKS_FOR_MONEY: Final = frozenset(
    {NoticeKind.PAYMENT_FAILED, NoticeKind.ACTION_REQUIRED, NoticeKind.CARD_NEEDED, NoticeKind.ATTEMPT_SKIPPED}
)
_LATE: Final = timedelta(days=1)


class Mailer(Protocol):
    async def send(self, mail: EmailMessage) -> int: ...


class Mails:
    """`mailer` is none where no mail server is set up: then nothing is mailed, and all stays in the app."""

    def __init__(self, pool: Pool, clock: Clock, mailer: Mailer | None, head: Letterhead | None) -> None:
        self._pool = pool
        self._clock = clock
        self._mailer = mailer
        self._head = head

    async def hand_over(self, claimed: Claimed) -> int:
        """The server's answer. Raises NotTaken and Moot."""
        if self._mailer is None or self._head is None:
            raise Moot("mail is off")
        around = await envelope(self._pool, claimed)
        if self._is_settled(claimed, around):
            raise Moot("settled meanwhile")
        try:
            mail = compose(claimed, around, self._head)
        except ValueError as error:
            raise NotTaken("the address is none that mail can go to", for_good=True) from error
        return await self._mailer.send(mail)

    async def given_up(self, claimed: Claimed, why: NotTaken) -> None:
        """The agency reads in the app that a client cannot be mailed: once for each address and cause."""
        if claimed.audience != "client":
            return
        cause = f"{why}. Look at its mail address." if why.for_good else "it could not be delivered in three days."
        detail = f"“{claimed.title}” did not reach the client: {cause}"
        to = (await envelope(self._pool, claimed)).to or ""
        key = f"client-not-mailed:{claimed.client_id}:{derived_id('to', to, cause)}"
        kind, at = NoticeKind.CLIENT_NOT_MAILED, self._clock.now()
        notice = Notice(kind, "agency", key, at, detail, claimed.invoice_id)
        async with transaction(self._pool) as connection:
            await messages.write(
                connection, claimed.agency_id, notice, client=claimed.client_id, subscription=claimed.subscription_id
            )

    def _is_settled(self, claimed: Claimed, around: Envelope) -> bool:
        """A mail that could not be sent for a day asks nobody for what was paid meanwhile."""
        asks = claimed.audience == "client" and claimed.kind in _ASKS_FOR_MONEY
        late = self._clock.now() - claimed.at > _LATE
        return asks and late and around.invoice_status not in (None, InvoiceStatus.OPEN)
