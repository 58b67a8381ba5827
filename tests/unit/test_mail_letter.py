"""Mails: whoever is named in one can change neither its headers nor its HTML, and every kind has its words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from adapters.links import LASTS, LinkEnded, LinkRefused, Links
from adapters.mail.letter import Letterhead, compose
from adapters.mail.words import TO_CLIENTS
from adapters.postgres.letters import Envelope
from adapters.postgres.message_deliveries import Claimed
from billing.notices import CHANNELS, Channel, NoticeKind

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINKS = Links("https://billing.brightvoice.io", ["c7Yp3Wn8Zk5Rt2Lv9Xb4Hs6M"])
HEAD = Letterhead("billing@retainer.io", LINKS)
ENVELOPE = Envelope(
    to="anna@client.io",
    client_name="Anna",
    agency_name="Bright Voice",
    sender_name=None,
    sender_email="office@bright.io",
    support_email="help@bright.io",
    support_phone=None,
    support_url=None,
    invoice_number="BRIGHT-0002",
    invoice_status="open",
)


def delivery(kind: NoticeKind = NoticeKind.PAYMENT_FAILED, **changes: Any) -> Claimed:
    made = Claimed(
        id="dlv_one",
        agency_id="agc_one",
        endpoint_id=None,
        attempts=1,
        audience="client",
        kind=kind.value,
        notification_id="ntf_one",
        client_id="cli_one",
        subscription_id="sub_one",
        invoice_id="inv_one",
        title="Payment failed",
        detail="Your card has insufficient funds.",
        at=AT,
    )
    return replace(made, **changes)


def mail(envelope: Envelope = ENVELOPE, **changes: Any) -> EmailMessage:
    return compose(delivery(**changes), envelope, HEAD)


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


@pytest.mark.parametrize("kind", [kind for kind, told in CHANNELS.items() if "client" in told])
def test_every_kind_that_a_client_is_told_of_has_its_words(kind: NoticeKind) -> None:
    words = TO_CLIENTS[kind]
    assert "{agency}" in words.subject
    assert (words.action is None) == (words.leads_to is None)
    made = compose(delivery(kind), ENVELOPE, HEAD)
    assert "{agency}" not in made.as_string()
    assert "Bright Voice" in str(made["Subject"])


@pytest.mark.parametrize("kind", [kind for kind, told in CHANNELS.items() if Channel.MAIL in told.get("agency", ())])
def test_an_agency_is_told_in_plain_words_and_without_its_clients_link(kind: NoticeKind) -> None:
    made = compose(delivery(kind, audience="agency", title="Payment failed"), ENVELOPE, HEAD)
    assert str(made["Subject"]) == "Payment failed: Anna"
    assert "/pay/" not in made.as_string()
    assert made["Reply-To"] is None


EVIL = "Anna\r\nBcc: everybody@client.io\r\n\r\n<script>alert(1)</script>{{ 7 * 7 }}{agency}\x00\u202e"


def test_a_name_that_is_an_attack_stays_a_name() -> None:
    made = mail(replace(ENVELOPE, client_name=EVIL, agency_name=EVIL, sender_name=EVIL, support_phone=EVIL))
    parsed = made.as_bytes()
    assert b"\r\nBcc:" not in parsed.partition(b"\r\n\r\n")[0]
    assert made["Bcc"] is None
    assert {name for name, _ in made.items()} == {
        *("Message-ID", "Date", "From", "To", "Reply-To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type")
    }
    assert "<script>" not in body(made, "html")
    assert "&lt;script&gt;" in body(made, "html")
    assert "49" not in body(made, "html")


def test_an_agencys_name_is_all_that_it_can_say_of_where_a_mail_comes_from() -> None:
    made = mail(replace(ENVELOPE, sender_name='Big Bank <ceo@bank.io>, "x'))
    (sender,) = made["From"].addresses
    assert (sender.addr_spec, sender.display_name) == ("billing@retainer.io", 'Big Bank <ceo@bank.io>, "x')


def test_long_names_and_other_scripts_are_carried_and_cut() -> None:
    made = mail(replace(ENVELOPE, agency_name="株式会社ブライト" * 50, client_name="Ж" * 200))
    parsed = made.as_bytes()
    assert max(len(line) for line in parsed.split(b"\r\n")) <= 998
    assert len(str(made["Subject"])) <= 150
    assert "株式会社ブライト" in body(made, "plain")


@pytest.mark.parametrize(
    "address", ["a b@client.io", "anna@client.io, eve@client.io", "<anna@client.io", "anna@client.io\n"]
)
def test_what_is_no_single_address_is_not_mailed_to(address: str) -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        mail(replace(ENVELOPE, to=address))


@pytest.mark.parametrize("sender", ["<office@bright.io>", "ü@bright.io", "office@bright.io,eve@client.io", "office"])
def test_a_sender_that_cannot_be_answered_to_costs_the_client_no_mail(sender: str) -> None:
    made = mail(replace(ENVELOPE, sender_email=sender))
    assert (str(made["To"]), made["Reply-To"]) == ("anna@client.io", None)
    assert sender not in made.as_string()


def test_a_delivery_always_makes_the_same_mail() -> None:
    assert mail().as_bytes() == mail().as_bytes()
    assert mail()["Message-ID"] == "<dlv_one@retainer.io>"


@pytest.mark.parametrize(
    ("kind", "invoice", "about", "ending"),
    [
        (NoticeKind.PAYMENT_FAILED, "inv_one", "invoice", ""),
        (NoticeKind.INVOICE_PAID, "inv_one", "invoice", "/pdf"),
        (NoticeKind.CARD_REQUESTED, None, "card", ""),
        (NoticeKind.PAST_DUE, None, "card", ""),
    ],
)
def test_a_mail_leads_to_its_invoice_or_to_the_card(
    kind: NoticeKind, invoice: str | None, about: Any, ending: str
) -> None:
    text = body(mail(kind=kind, invoice_id=invoice), "plain")
    link = LINKS.to(about, "agc_one", invoice or "cli_one", AT) + ending
    assert link in text.splitlines()
    assert link in body(mail(kind=kind, invoice_id=invoice), "html")


# Links


def signed(about: Any = "invoice") -> str:
    return LINKS.to(about, "agc_one", "inv_one", AT).rpartition("/")[2]


def test_a_link_leads_to_its_invoice_until_it_ends() -> None:
    link = LINKS.read(signed(), AT + LASTS["invoice"] - timedelta(seconds=1))
    assert (link.about, link.agency, link.subject) == ("invoice", "agc_one", "inv_one")
    with pytest.raises(LinkEnded) as ended:
        LINKS.read(signed(), AT + LASTS["invoice"])
    assert ended.value.link == link


@pytest.mark.parametrize("position", range(0, 80, 7))
def test_a_link_that_was_changed_is_none(position: int) -> None:
    text = signed()
    position %= len(text)
    changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
    with pytest.raises(LinkRefused):
        LINKS.read(changed, AT)


@pytest.mark.parametrize("text", ["", "x", "=", signed() + "=", signed() + "AA", "ä" * 40, "A" * 5000, "..%2f" * 9])
def test_what_was_never_a_link_is_none(text: str) -> None:
    with pytest.raises(LinkRefused):
        LINKS.read(text, AT)


def test_links_are_read_with_the_old_secret_while_it_is_rotated() -> None:
    rotated = Links("https://billing.brightvoice.io", ["n3w-" * 8, "c7Yp3Wn8Zk5Rt2Lv9Xb4Hs6M"])
    assert rotated.read(signed(), AT).subject == "inv_one"
    assert rotated.to("invoice", "agc_one", "inv_one", AT) != LINKS.to("invoice", "agc_one", "inv_one", AT)
    with pytest.raises(LinkRefused):
        Links("https://billing.brightvoice.io", ["n3w-" * 8]).read(signed(), AT)
