"""Attempts in the books: begun before Stripe is called, settled after (architecture, "Exactly once" 2).

That an invoice has one attempt in flight and one success at most is the tables' unique keys, not what is read here.
"""

from datetime import datetime
from typing import Any, Final, get_args

from adapters.postgres.codec import decode_decline, encode_card, encode_decline
from adapters.postgres.locks import lock_client_of_invoice
from adapters.postgres.pool import Connection
from adapters.stripe.keys import invoice_attempt
from billing.debt import CARD_CAP, CARD_WINDOW
from billing.declines import DeclineClass, classify, reason_text
from billing.facts import CardUsed
from billing.ledger import AttemptRefused, AttemptResult, AttemptRow
from billing.payments import PayAnswer
from billing.state import Attempt, Origin, Try

_OF_CLIENT: Final = """
    SELECT p.card_identity, p.attempted_at FROM payment_attempts p JOIN invoices i ON i.id = p.invoice_id
    WHERE (i.client_id, i.account_id) = ($1, $2) AND p.result IS DISTINCT FROM 'not_made'
"""


async def begin_attempt(
    connection: Connection, subscription: str, attempt: Attempt, origin: Origin, at: datetime, *, frozen: bool = False
) -> AttemptRow:
    """Enter the attempt. One that is known by its number, or another in flight for the invoice, is returned as it is.

    Raises AttemptRefused when the invoice is not open, the connected account cannot charge or the agency is frozen for
    another reason, or the card was used up by another subscription of the client: each knows its own attempts only.
    """
    await lock_client_of_invoice(connection, attempt.invoice)
    known = await connection.fetchrow(
        "SELECT * FROM payment_attempts WHERE invoice_id = $1 AND (number = $2 OR result IS NULL) "
        "ORDER BY number <> $2",
        attempt.invoice,
        attempt.number,
    )
    if known is not None:
        return _row(known)
    await _check(connection, attempt.invoice, frozen=frozen)
    await _check_card(connection, attempt)
    entered = await connection.fetchrow(
        """
        INSERT INTO payment_attempts (invoice_id, number, agency_id, subscription_id, idempotency_key, amount, currency,
                                      card, card_identity, origin, on_session, attempted_at, first_sent_at)
        SELECT i.id, $2, i.agency_id, i.subscription_id, $3, coalesce(i.amount_due, i.total), i.currency,
               $4, $5, $6, $7, $8, $9
        FROM invoices i WHERE i.id = $1 AND i.subscription_id = $10 RETURNING *
        """,
        attempt.invoice,
        attempt.number,
        invoice_attempt(attempt.invoice, attempt.number),
        encode_card(attempt.card),
        attempt.card.identity,
        origin.value,
        attempt.on_session,
        attempt.attempted_at,
        at,
        subscription,
    )
    if entered is None:
        raise LookupError(f"no invoice {attempt.invoice} of {subscription}")
    return _row(entered)


async def tries(connection: Connection, client: str, account: str, since: datetime) -> set[Try]:
    """What all subscriptions of the client tried in the account after that, whether or not their states tell it yet."""
    rows = await connection.fetch(f"{_OF_CLIENT} AND p.attempted_at > $3", client, account, since)
    return {Try(row["card_identity"], row["attempted_at"]) for row in rows}


async def declined_hard(connection: Connection, client: str, account: str) -> set[str]:
    """Identities of the client's cards that were declined hard in the account."""
    rows = await connection.fetch(f"{_OF_CLIENT} AND p.decline_class = 'hard'", client, account)
    return {row["card_identity"] for row in rows}


async def card_used(connection: Connection, client: str, account: str, card: str, at: datetime) -> CardUsed:
    """What the client's subscriptions did with the card (its identity) in the account."""
    since = at - CARD_WINDOW
    rows = await connection.fetch(
        f"{_OF_CLIENT} AND p.attempted_at > $3 AND p.card_identity = $4 ORDER BY 2", client, account, since, card
    )
    condemned = await declined_hard(connection, client, account)
    return CardUsed(at, card, tuple(row["attempted_at"] for row in rows), card in condemned)


async def _check(connection: Connection, invoice: str, *, frozen: bool) -> None:
    row = await connection.fetchrow(
        """
        SELECT i.status = 'open' AS open, a.state = 'active' AS usable
        FROM invoices i JOIN connected_accounts a ON a.account_id = i.account_id WHERE i.id = $1
        """,
        invoice,
    )
    if row is None or not row["open"]:
        raise AttemptRefused(invoice, "invoice_not_open")
    if frozen or not row["usable"]:
        raise AttemptRefused(invoice, "account_unusable")


async def _check_card(connection: Connection, attempt: Attempt) -> None:
    """Over all subscriptions of the client in this account (billing-rules 6)."""
    row = await connection.fetchrow(
        """
        SELECT coalesce(bool_or(p.decline_class = 'hard'), false) AS hard,
               count(*) FILTER (WHERE p.attempted_at > $3) AS tries
        FROM invoices asked
        JOIN invoices i ON (i.client_id, i.account_id) = (asked.client_id, asked.account_id)
        JOIN payment_attempts p ON p.invoice_id = i.id
        WHERE asked.id = $1 AND p.card_identity = $2 AND p.result IS DISTINCT FROM 'not_made'
        """,
        attempt.invoice,
        attempt.card.identity,
        attempt.attempted_at - CARD_WINDOW,
    )
    assert row is not None, "an aggregate always answers"
    if row["hard"]:
        raise AttemptRefused(attempt.invoice, "card_declined_hard")
    if row["tries"] >= CARD_CAP:
        raise AttemptRefused(attempt.invoice, "card_limit")


async def settle_attempt(connection: Connection, attempt: Attempt, answer: PayAnswer | None, at: datetime) -> None:
    """Write the outcome, and that the invoice is paid when it is; none: Stripe never made it. Repeatable.

    A payment that is still processing stays in flight.
    """
    if answer is not None and answer.result == "processing":
        return
    await lock_client_of_invoice(connection, attempt.invoice)
    decline = answer.decline if answer else None
    settled = await connection.execute(
        """
        UPDATE payment_attempts SET result = $3, settled_at = $4, charge_id = $5, payment_intent_id = $6,
            charged_amount = $7, decline = $8, decline_class = $9, reason = $10
        WHERE (invoice_id, number) = ($1, $2) AND result IS NULL
        """,
        attempt.invoice,
        attempt.number,
        answer.result if answer else "not_made",
        (answer.at if answer else None) or at,
        answer.charge if answer else None,
        answer.payment_intent if answer else None,
        answer.amount if answer else None,
        encode_decline(decline) if decline else None,
        _class_of(answer),
        reason_text(decline) if decline else None,
    )
    if settled == "UPDATE 1" and answer is not None:
        await _mark_invoice(connection, attempt.invoice, answer, at)


def _class_of(answer: PayAnswer | None) -> str | None:
    if answer is None or answer.result == "paid":
        return None
    if answer.result == "action_required":
        return DeclineClass.CUSTOMER_MUST_ACT.value
    return classify(answer.decline).value if answer.decline else DeclineClass.SOFT.value


async def _mark_invoice(connection: Connection, invoice: str, answer: PayAnswer, at: datetime) -> None:
    if answer.result == "paid":
        await connection.execute(
            """
            UPDATE invoices SET status = 'paid', settled_at = $2, amount_paid = $3
            WHERE id = $1 AND status IN ('open', 'uncollectible')
            """,
            invoice,
            answer.at or at,
            answer.amount,
        )
    else:
        await connection.execute("UPDATE invoices SET failed = true WHERE id = $1", invoice)


async def charges(connection: Connection, invoice: str) -> frozenset[str]:
    """The provider's ids of the charges that our settled attempts on the invoice made."""
    rows = await connection.fetch(
        "SELECT charge_id FROM payment_attempts WHERE invoice_id = $1 AND charge_id IS NOT NULL", invoice
    )
    return frozenset(row["charge_id"] for row in rows)


async def skip_attempt(connection: Connection, subscription: str, invoice: str, why: str, at: datetime) -> None:
    """Record a step that was used up without an attempt. Repeatable with the same instant."""
    await connection.execute(
        """
        INSERT INTO skipped_attempts (invoice_id, at, agency_id, subscription_id, why)
        SELECT id, $2, agency_id, subscription_id, $3 FROM invoices WHERE id = $1 AND subscription_id = $4
        ON CONFLICT DO NOTHING
        """,
        invoice,
        at,
        why,
        subscription,
    )


def _row(row: Any) -> AttemptRow:
    result = _result(row["result"])
    answer = None
    if result is not None and result != "not_made":
        answer = PayAnswer(
            result,
            row["charge_id"],
            row["payment_intent_id"],
            row["charged_amount"],
            row["settled_at"],
            decode_decline(row["decline"]) if row["decline"] else None,
        )
    return AttemptRow(row["invoice_id"], row["number"], row["attempted_at"], row["first_sent_at"], result, answer)


def _result(value: str | None) -> AttemptResult | None:
    results: tuple[AttemptResult, ...] = get_args(AttemptResult)
    return next((result for result in results if result == value), None)
