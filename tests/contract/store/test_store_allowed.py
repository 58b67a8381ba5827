"""What the guards of the books leave room for: they refuse what is wrong, and nothing that is right."""

import asyncpg
import pytest
from support.house import START, House, reading
from support.rows import copy

from adapters.postgres import trail
from adapters.postgres.pool import Connection, transaction
from billing.invoices import InvoiceStatus

ALLOWED = {
    "a cancelled subscription beside a live one": copy(
        "subscriptions", "id = 'sub_anna'", id="sub_again", status="cancelled"
    ),
    "a live subscription beside a cancelled one": copy("subscriptions", "id = 'sub_dora'", id="sub_again"),
    "a live invoice beside a void one": copy(
        "invoices", "id = 'inv_carl_p2'", id="inv_again", provider_id=None, status="draft", settled_at=None
    ),
    "several void invoices": copy("invoices", "id = 'inv_carl_p2'", id="inv_again", provider_id=None),
    "one source of two kinds": copy("invoices", "id = 'inv_zoe_p1'", id="inv_again", provider_id=None, kind="final"),
    "one source of two subscriptions": copy(
        "invoices", "id = 'inv_zoe_p1'", id="inv_again", provider_id=None, subscription_id="sub_bare"
    ),
    "another attempt after a failed one": copy(
        "payment_attempts",
        "invoice_id = 'inv_anna_p3'",
        number=2,
        idempotency_key="2",
        result=None,
        settled_at=None,
        charge_id=None,
    ),
    "a period that begins where another ends": copy(
        "periods",
        "subscription_id = 'sub_zoe' AND number = 3",
        number=4,
        starts_at="2026-04-30T00:00:00Z",
        ends_at="2026-05-31T00:00:00Z",
    ),
    "a period of another subscription at the same time": copy(
        "periods", "subscription_id = 'sub_zoe' AND number = 3", number=3, subscription_id="sub_bare"
    ),
    "one call id of two agencies": copy("calls", "call_id = 'z1'", call_id="a1"),
    "one event id of two accounts": copy("inbox", "true", id=99, account="acct_two"),
    "one key of two agencies' messages": copy(
        "notifications",
        "audience = 'client'",
        id="ntf_again",
        agency_id="agc_two",
        client_id=None,
        subscription_id=None,
        invoice_id=None,
    ),
    "paid and void from open, and paid from written off": (
        "UPDATE invoices SET status = 'uncollectible', settled_at = issued_at WHERE id = 'inv_anna_p3';"
        "UPDATE invoices SET status = 'paid' WHERE id = 'inv_anna_p3';"
        "UPDATE invoices SET status = 'void', settled_at = issued_at WHERE id = 'inv_bert_p4';"
    ),
    "another account after one that was disconnected": (
        "UPDATE connected_accounts SET state = 'disconnected' WHERE agency_id = 'agc_one';"
        + copy("connected_accounts", "agency_id = 'agc_one'", number=2, account_id="acct_new", state="active")
    ),
    "a price of Stripe's for a plan version": "UPDATE plan_versions SET product_id = 'prod_1', price_id = 'price_1'",
}


@pytest.mark.parametrize("statement", ALLOWED.values(), ids=ALLOWED.keys())
async def test_there_is_room_for(lived: Connection, statement: str) -> None:
    await lived.execute(copy("subscriptions", "id = 'sub_zoe'", id="sub_bare", status="cancelled"))
    await lived.execute(statement)


async def test_a_credit_is_counted_by_the_books_themselves(lived: Connection) -> None:
    """Used and given back by plain SQL: what is consumed follows."""

    async def consumed() -> int:
        amount: int = await lived.fetchval("SELECT consumed FROM credits")
        return amount

    assert await consumed() == 720
    await lived.execute("UPDATE credit_uses SET given_back_at = used_at WHERE given_back_at IS NULL")
    assert await consumed() == 0
    await lived.execute(copy("credit_uses", "true", invoice_id="inv_anna_p3", amount=700, given_back_at=None))
    assert await consumed() == 700


async def test_a_line_of_the_trail_is_written_once_under_its_key(house: House) -> None:
    async with transaction(house.pool) as connection:
        for what, key in (("one", "key"), ("again", "key"), ("two", None), ("three", None)):
            await trail.write(connection, "agc_one", at=START, who="me", what=what, dedupe_key=key)
    assert [row["what"] for row in await house.fetch("SELECT what FROM audit ORDER BY id")] == ["one", "two", "three"]


async def test_lines_are_added_to_a_draft_until_it_is_issued(house: House) -> None:
    drafted = await house.draft(await house.subscribed("anna"), START)
    line = copy("invoice_lines", "true", position=2, amount=0)
    await house.pool.execute(line)
    async with house.store.transaction() as books:
        await books.mirror_invoice(drafted.id, reading(drafted, InvoiceStatus.OPEN), START)
    with pytest.raises(asyncpg.RestrictViolationError, match="is issued: it gets no more lines"):
        await house.pool.execute(line.replace('"position": 2', '"position": 3'))
