"""Every answer that is not a result, as the table "Answers" of stripe.md has it; answers made by hand, no network."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import httpx
import pytest
import stripe

from adapters.stripe.connection import Connection, WriteWithoutKey, connect
from adapters.stripe.payments import StripePayments
from billing.payments import KeyMisused, OutcomeUnknown, PaymentTrouble, PlatformRefused, Refused, TryLater

Answer = Callable[[httpx.Request], httpx.Response]


def answering(answer: Answer) -> Connection:
    """A connection whose requests end in `answer` instead of the network."""
    connection = connect("sk_test_x", "https://stripe.invalid")
    connection._transport._client_async = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return connection


def refusing(status: int, error: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    return lambda _: httpx.Response(status, json={"error": {"message": "no", **(error or {})}}, headers=headers)


async def asked(answer: Answer, *, account: str | None = "acct_1") -> PaymentTrouble:
    connection = answering(answer)
    with pytest.raises(PaymentTrouble) as caught:
        await connection.read(lambda o: connection.v1.invoices.retrieve_async("in_1", None, o), account)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusing(400, {"type": "idempotency_error"}), KeyMisused),
        (refusing(409, {"code": "idempotency_key_in_use"}), TryLater),
        (refusing(409, {"code": "lock_timeout"}, {"Stripe-Should-Retry": "false"}), Refused),
        (refusing(429, {"code": "rate_limit"}), TryLater),
        (refusing(429, {"code": "rate_limit"}, {"Stripe-Should-Retry": "false"}), TryLater),
        (refusing(400, {"code": "rate_limit"}), TryLater),
        (refusing(400, {"type": "invalid_request_error"}, {"Stripe-Should-Retry": "true"}), TryLater),
        (refusing(401), PlatformRefused),
        (refusing(403, {"code": "account_invalid"}), Refused),
        (refusing(403, {"code": "more_permissions_required"}), PlatformRefused),
        (refusing(403), PlatformRefused),
        (refusing(400), Refused),
        (refusing(404, {"code": "resource_missing"}), Refused),
        (refusing(402, {"type": "card_error", "code": "card_declined"}), Refused),
        (refusing(500), OutcomeUnknown),
        (refusing(503, headers={"Stripe-Should-Retry": "true"}), OutcomeUnknown),
        (lambda _: httpx.Response(502, text="<html>Bad gateway</html>"), OutcomeUnknown),
        (lambda _: httpx.Response(403, text="<html>Not from here</html>"), OutcomeUnknown),
        (lambda _: httpx.Response(200, text="{half an ans"), OutcomeUnknown),
        (lambda _: httpx.Response(429, text="slow down"), TryLater),
    ],
)
async def test_each_answer_has_its_meaning(answer: Answer, expected: type[PaymentTrouble]) -> None:
    assert type(await asked(answer)) is expected


async def test_no_access_for_the_platform_itself_is_the_platforms_trouble() -> None:
    assert type(await asked(refusing(403, {"code": "account_invalid"}), account=None)) is PlatformRefused


@pytest.mark.parametrize(
    "lost", [httpx.ConnectError("gone"), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut")]
)
async def test_a_lost_connection_is_an_unknown_outcome_that_says_why(lost: Exception) -> None:
    def lose(_: httpx.Request) -> httpx.Response:
        raise lost

    trouble = await asked(lose)
    assert isinstance(trouble, OutcomeUnknown)
    assert not trouble.stored
    assert f"({type(lost).__name__}: {lost})" in str(trouble)


@pytest.mark.parametrize(
    ("headers", "stored"),
    [({}, False), ({"Idempotent-Replayed": "true"}, True), ({"Stripe-Should-Retry": "false"}, False)],
)
async def test_a_stored_failure_says_so(headers: dict[str, str], stored: bool) -> None:
    trouble = await asked(refusing(500, headers=headers))
    assert isinstance(trouble, OutcomeUnknown)
    assert trouble.stored is stored


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 30}, None),
    ],
)
async def test_how_long_to_wait_is_what_stripe_asked_for(header: dict[str, str], expected: timedelta | None) -> None:
    trouble = await asked(refusing(429, headers=header))
    assert isinstance(trouble, TryLater)
    assert trouble.retry_after == expected


async def test_code_and_request_are_kept_for_support() -> None:
    trouble = await asked(refusing(404, {"code": "resource_missing"}, {"Request-Id": "req_1"}))
    assert isinstance(trouble, Refused)
    assert (trouble.code, trouble.status, trouble.request) == ("resource_missing", 404, "req_1")


async def test_only_lost_access_reads_as_not_connected() -> None:
    lost = StripePayments(answering(refusing(403, {"code": "account_invalid"})))
    assert not (await lost.read_account("acct_1")).connected
    odd = StripePayments(answering(refusing(400, {"code": "parameter_unknown"})))
    with pytest.raises(Refused):
        await odd.read_account("acct_1")


async def test_a_write_carries_account_and_key() -> None:
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": "in_1", "object": "invoice"})

    connection = answering(keep)
    await connection.write(
        "invoice:inv_1:void", lambda o: connection.v1.invoices.void_invoice_async("in_1", None, o), "acct_1"
    )
    (sent,) = seen
    assert sent.headers["Idempotency-Key"] == "invoice:inv_1:void"
    assert sent.headers["Stripe-Account"] == "acct_1"
    assert sent.headers["Stripe-Version"] == stripe.api_version


async def test_no_write_leaves_without_a_key_of_ours() -> None:
    connection = answering(lambda request: pytest.fail(f"{request.method} {request.url} left"))

    with pytest.raises(WriteWithoutKey):
        await connection.v1.invoices.void_invoice_async("in_1")
    with pytest.raises(WriteWithoutKey):
        await connection.read(lambda o: connection.v1.invoices.create_async({"customer": "cus_1"}, o), "acct_1")
    with pytest.raises(WriteWithoutKey):
        await connection.v1.invoices.delete_async("in_1")


async def test_the_sdk_makes_no_tries_of_its_own() -> None:
    sent: list[httpx.Request] = []

    def fail(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500, json={"error": {"message": "no"}}, headers={"Stripe-Should-Retry": "true"})

    await asked(fail)
    assert len(sent) == 1


async def test_an_outage_of_six_hours_leaves_every_write_a_key_to_be_done_under() -> None:
    """A step is tried at 0, 1, 3, 7, 15 and 31 minutes and each half hour from then on, twice each time."""
    stored: set[str] = set()
    down = True

    def answer(request: httpx.Request) -> httpx.Response:
        key = request.headers["Idempotency-Key"]
        replayed = {"Idempotent-Replayed": "true"} if key in stored else {}
        if down:
            stored.add(key)
        status, body = (500, {"error": {"message": "down"}}) if key in stored else (200, {"id": "in_1"})
        return httpx.Response(status, json=body, headers=replayed)

    connection = answering(answer)

    async def put() -> stripe.Invoice:
        return await connection.put(
            "invoice:1:create", lambda options: connection.v1.invoices.create_async({}, options), "acct_1"
        )

    for _ in range(2 * (6 + 11)):
        with pytest.raises(OutcomeUnknown):
            await put()
    down = False

    assert (await put()).id == "in_1"
