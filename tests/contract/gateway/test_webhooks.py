"""Who gets in at the webhook's door, and what an event is read as."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from adapters.stripe.webhooks import BadSignature, MalformedBody, StaleTimestamp, verify

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SECRET = "whsec_current"
OLD_SECRET = "whsec_before_the_rotation"


def event(subject: dict[str, Any], **changes: Any) -> dict[str, Any]:
    data = {"object": subject, **changes.pop("data", {})}
    return {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.paid",
        "account": "acct_1",
        "livemode": False,
        "created": 1795446000,
        "data": data,
        **changes,
    }


def signed(body: str, *, at: datetime = NOW, secret: str = SECRET) -> str:
    header = stripe.WebhookSignature.generate_signature_header(body, secret, int(at.timestamp()))
    assert isinstance(header, str)
    return header


INVOICE = json.dumps(event({"id": "in_1", "object": "invoice", "customer": "cus_1"}))


def test_an_event_is_read() -> None:
    read = verify(INVOICE.encode(), signed(INVOICE), [SECRET], NOW)

    assert (read.id, read.type, read.account, read.livemode) == ("evt_1", "invoice.paid", "acct_1", False)
    assert (read.object_id, read.customer, read.invoice) == ("in_1", "cus_1", "in_1")
    assert read.created_at == datetime.fromtimestamp(1795446000, UTC)
    assert read.payload == INVOICE


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_during_a_rotation_both_secrets_are_good(secret: str) -> None:
    assert verify(INVOICE.encode(), signed(INVOICE, secret=secret), [SECRET, OLD_SECRET], NOW).id == "evt_1"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        "t=,v1=",
        f"t={int(NOW.timestamp())}",
        f"t={int(NOW.timestamp())},v1=é",
        f"v1={'0' * 64}",
        signed(INVOICE, secret="whsec_of_somebody_else"),
        signed(INVOICE + " "),
    ],
)
def test_without_a_good_signature_nothing_is_read(header: str | None) -> None:
    with pytest.raises(BadSignature):
        verify(INVOICE.encode(), header, [SECRET, OLD_SECRET], NOW)


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_good(secrets: list[str]) -> None:
    with pytest.raises(BadSignature):
        verify(INVOICE.encode(), signed(INVOICE, secret="whsec_x"), secrets, NOW)


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify(INVOICE.replace("in_1", "in_2").encode(), signed(INVOICE), [SECRET], NOW)


def test_a_body_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify(b"\xff\xfe", signed(INVOICE), [SECRET], NOW)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 300])
def test_within_five_minutes_a_timestamp_is_fresh(seconds: int) -> None:
    header = signed(INVOICE, at=NOW + timedelta(seconds=seconds))
    assert verify(INVOICE.encode(), header, [SECRET], NOW).id == "evt_1"


@pytest.mark.parametrize("seconds", [-301, 301, 10**9, -(10**9), 10**15])
def test_older_or_further_ahead_is_stale(seconds: int) -> None:
    stamp = int(NOW.timestamp()) + seconds
    header = stripe.WebhookSignature.generate_signature_header(INVOICE, SECRET, stamp)
    with pytest.raises(StaleTimestamp):
        verify(INVOICE.encode(), header, [SECRET], NOW)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        json.dumps(event({}, data={"object": None})),
        json.dumps(event({"object": "invoice"})),
        json.dumps(event({"id": "in_1"}, id=7)),
        json.dumps(event({"id": "in_1"}, created="yesterday")),
        json.dumps(event({"id": "in_1"}, created=10**30)),
        "[" * 100_000,
    ],
)
def test_a_signed_body_that_is_no_event_is_malformed(body: str) -> None:
    with pytest.raises(MalformedBody):
        verify(body.encode(), signed(body), [SECRET], NOW)


@pytest.mark.parametrize(
    ("subject", "data", "customer", "invoice"),
    [
        ({"id": "cus_1", "object": "customer"}, {}, "cus_1", None),
        ({"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1"}, {}, None, "in_1"),
        (
            {"id": "cn_1", "object": "credit_note", "invoice": {"id": "in_1"}, "customer": {"id": "cus_1"}},
            {},
            "cus_1",
            "in_1",
        ),
        ({"id": "seti_1", "object": "setup_intent", "customer": "cus_1"}, {}, "cus_1", None),
        (
            {"id": "pm_1", "object": "payment_method", "customer": None},
            {"previous_attributes": {"customer": "cus_1"}},
            "cus_1",
            None,
        ),
        ({"id": "dp_1", "object": "dispute", "charge": "ch_1"}, {}, None, None),
        ({"object": "balance"}, {}, None, None),
    ],
)
def test_whom_an_event_concerns(
    subject: dict[str, Any], data: dict[str, Any], customer: str | None, invoice: str | None
) -> None:
    body = json.dumps(event(subject, data=data))
    read = verify(body.encode(), signed(body), [SECRET], NOW)
    assert (read.customer, read.invoice, read.object_id) == (customer, invoice, subject.get("id", ""))


def test_the_platforms_own_events_have_no_account() -> None:
    content = event({"id": "acct_1", "object": "account"})
    del content["account"]
    body = json.dumps(content)
    assert verify(body.encode(), signed(body), [SECRET], NOW).account == ""
