"""A message as a mail: HTML and text, in the agency's name, from our address (docs/adr/0015).

The same delivery always makes the same mail, to the byte: what comes twice because an answer was lost can be told.
"""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from adapters.links import Links
from adapters.mail.addresses import address
from adapters.mail.words import TO_CLIENTS, Words
from adapters.postgres.letters import Envelope
from adapters.postgres.message_deliveries import Claimed
from billing.notices import NoticeKind

_LONGEST_SUBJECT: Final = 150
_LONGEST_NAME: Final = 60

_TEMPLATES: Final = Environment(
    loader=PackageLoader("adapters.mail"),
    autoescape=lambda name: bool(name and name.endswith(".html")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Letterhead:
    """What all mail has in common: the address that it comes from, and our links."""

    mail_from: str
    links: Links

    @property
    def domain(self) -> str:
        return self.mail_from.rpartition("@")[2]


def message_id(delivery: str, head: Letterhead) -> str:
    """The same for every attempt on one delivery: by it a repeat is known as the same mail."""
    return f"<{delivery}@{head.domain}>"


def compose(delivery: Claimed, envelope: Envelope, head: Letterhead) -> EmailMessage:
    """The mail. Raises ValueError when it is to go to what is no address."""
    if envelope.to is None:
        raise ValueError("the agency has no address")
    words = _words(delivery, envelope)
    agency = envelope.sender_name or envelope.agency_name
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id(delivery.id, head)
    mail["Date"] = format_datetime(delivery.at)
    mail["From"] = Address(_line(agency, _LONGEST_NAME), addr_spec=head.mail_from)
    mail["To"] = address(envelope.to)
    if reply_to := _reply_to(delivery, envelope):
        mail["Reply-To"] = reply_to
    mail["Subject"] = _line(words.subject, _LONGEST_SUBJECT)
    mail["Auto-Submitted"] = "auto-generated"
    shown = _shown(delivery, envelope, words, agency, head.links)
    mail.set_content(_TEMPLATES.get_template("message.txt").render(shown))
    mail.add_alternative(_TEMPLATES.get_template("message.html").render(shown), subtype="html")
    mail.set_boundary(delivery.id)
    return mail


def _words(delivery: Claimed, envelope: Envelope) -> Words:
    """Agency names are put in by replacing: what they hold is never read as a template."""
    if delivery.audience == "agency":
        about = f": {envelope.client_name}" if envelope.client_name else ""
        return Words(f"{delivery.title}{about}", delivery.title)
    words = TO_CLIENTS[NoticeKind(delivery.kind)]
    name = envelope.sender_name or envelope.agency_name
    return Words(
        words.subject.replace("{agency}", name), words.text.replace("{agency}", name), words.action, words.leads_to
    )


def _shown(delivery: Claimed, envelope: Envelope, words: Words, agency: str, links: Links) -> dict[str, object]:
    return {
        "subject": words.subject,
        "agency": agency,
        "client": envelope.client_name,
        "to_client": delivery.audience == "client",
        "text": words.text,
        "detail": delivery.detail,
        "invoice": envelope.invoice_number,
        "action": words.action,
        "link": _link(delivery, words, links),
        "support": [said for said in (envelope.support_email, envelope.support_phone, envelope.support_url) if said],
    }


def _link(delivery: Claimed, words: Words, links: Links) -> str | None:
    """Where the mail leads; a message about no invoice leads to the card instead."""
    if words.leads_to is None or delivery.client_id is None:
        return None
    if words.leads_to == "card" or delivery.invoice_id is None:
        return links.to("card", delivery.agency_id, delivery.client_id, delivery.at)
    link = links.to("invoice", delivery.agency_id, delivery.invoice_id, delivery.at)
    return f"{link}/pdf" if words.leads_to == "pdf" else link


def _reply_to(delivery: Claimed, envelope: Envelope) -> Address | None:
    """Where a client's answer goes. A sender's address that was taken before it was looked at costs nobody the mail."""
    if envelope.sender_email is None or delivery.audience != "client":
        return None
    try:
        return address(envelope.sender_email)
    except ValueError:
        return None


def _line(text: str, longest: int) -> str:
    """One line of a header: whatever a name holds, it neither ends the line nor fills the page."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
