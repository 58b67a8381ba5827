"""The links in messages: ours, signed, and good without a login (billing-rules 9). They lead on to Stripe's pages.

Who has a link can read its one invoice, or enter a card for its one client, until it ends; nothing else.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, cast, get_args

from adapters.settings import Settings

About: TypeAlias = Literal["invoice", "card"]
LASTS: Final[dict[About, timedelta]] = {"invoice": timedelta(days=90), "card": timedelta(days=30)}
"""Longer than any ladder; Stripe's own links to an invoice end after 30 days."""
_PURPOSE: Final = b"retainer/pay/1\n"
"""A signature for this is one for nothing else under the same secret."""
_CONSENT: Final = b"retainer/consent/1\n"
_SIGNATURE_BYTES: Final = 16
_LONGEST: Final = 300


class LinkRefused(Exception):
    """Not a link of ours."""


class LinkEnded(Exception):
    """A link of ours whose time is over. `link` is what it led to."""

    def __init__(self, link: "Link") -> None:
        super().__init__("the link has ended")
        self.link = link


@dataclass(frozen=True)
class Link:
    """What a link leads to: `subject` is an invoice's id, or a client's for its card."""

    about: About
    agency: str
    subject: str
    ends_at: datetime


class Links:
    """Makes links under `base` with the first secret and reads those of all: two stand while they are rotated."""

    def __init__(self, base: str, secrets: Sequence[str]) -> None:
        self._base = base
        self._secrets = [secret.encode() for secret in secrets]

    def to(self, about: About, agency: str, subject: str, at: datetime) -> str:
        """The link that a message of `at` carries: the same for the same message, whenever it is sent."""
        ends_at = int((at + LASTS[about]).timestamp())
        body = "\n".join((about, agency, subject, str(ends_at))).encode()
        return f"{self._base}/pay/{_encode(body + _signature(self._secrets[0], body))}"

    def read(self, signed: str, now: datetime) -> Link:
        """What the link leads to. Raises LinkRefused, LinkEnded."""
        link = self._signed(signed)
        if link.ends_at <= now:
            raise LinkEnded(link)
        return link

    def _signed(self, signed: str) -> Link:
        body = _signed_body(signed, self._secrets, _PURPOSE)
        about, agency, subject, ends_at = body.decode().split("\n")
        if about not in get_args(About):
            raise LinkRefused
        return Link(cast(About, about), agency, subject, datetime.fromtimestamp(int(ends_at), UTC))


class Consents:
    """The `state` that goes to Stripe's consent page and comes back: which link it was, signed, for a few minutes."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    def sign(self, link: str, ends_at: datetime) -> str:
        body = f"{link}\n{int(ends_at.timestamp())}".encode()
        return _encode(body + _signature(self._secrets[0], body, _CONSENT))

    def read(self, state: str, now: datetime) -> str:
        """The link. Raises LinkRefused, also when its time is over."""
        body = _signed_body(state, self._secrets, _CONSENT)
        link, _, ends_at = body.decode().partition("\n")
        if datetime.fromtimestamp(int(ends_at), UTC) <= now:
            raise LinkRefused
        return link


def consents_of(settings: Settings) -> Consents:
    """The states that the settings' secret signs."""
    return Consents([secret.get_secret_value() for secret in settings.link_secret])


def links_of(settings: Settings) -> Links:
    """The links that the settings' secret signs."""
    return Links(settings.public_base_url, [secret.get_secret_value() for secret in settings.link_secret])


def _signed_body(signed: str, secrets: Sequence[bytes], purpose: bytes) -> bytes:
    """What was signed for the purpose with one of the secrets. Raises LinkRefused."""
    raw = _decode(signed)
    body, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if not any(hmac.compare_digest(_signature(secret, body, purpose), signature) for secret in secrets):
        raise LinkRefused
    return body


def _signature(secret: bytes, body: bytes, purpose: bytes = _PURPOSE) -> bytes:
    return hmac.new(secret, purpose + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Raises LinkRefused; also for another spelling of the same bytes."""
    try:
        raw = (
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if len(text) < _LONGEST
            else b""
        )
    except (binascii.Error, ValueError) as error:
        raise LinkRefused from error
    if len(raw) <= _SIGNATURE_BYTES or _encode(raw) != text:
        raise LinkRefused
    return raw
