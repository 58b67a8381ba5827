"""The invariants of billing-rules 10: they hold in books that were lived in, and each sees what breaks it.

What breaks them is written past every trigger, key and constraint: the books themselves would refuse it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.house import DAY, START, House, call
from support.rows import copy

from adapters.postgres.compared import Compared
from adapters.postgres.invariants import examine
from adapters.postgres.pool import Connection, Pool
from worker.report import summed_up

ALL = ["I1", "I2", "I3", "I3", "I4", "I5", "I6", "I7", "I8"]
UNSEEN = ("agencies", "browser_sessions", "oauth_links", "outbox")
"""Tables of which no row says whose it is, beyond the agency that it names."""
ENDPOINT = """
    INSERT INTO webhook_endpoints (id, agency_id, url, secret, created_at)
    VALUES ('whe_one', 'agc_one', 'https://hook.test', 'whsec', '2026-01-31Z');
""" + copy(
    "message_deliveries", "agency_id = 'agc_one' AND channel = 'mail'", id="dlv_hook", channel="webhook",
    endpoint_id="whe_one",
)  # fmt: skip
"""Nobody in the books has one."""
ZOE, BERT = "subscription_id = 'sub_zoe'", "subscription_id = 'sub_bert'"
MINUTE_MORE = "seconds = seconds + 60"


@dataclass(frozen=True)
class Broken:
    """A statement that breaks one invariant, and what is said about it."""

    id: str
    statement: str
    told: str

    def __str__(self) -> str:
        return f"{self.id} {self.told}"


BROKEN = (
    Broken(
        "I1",
        "DROP INDEX payment_attempts_one_success;"
        + copy("payment_attempts", "invoice_id = 'inv_zoe_p1'", number=2, idempotency_key="again"),
        "inv_zoe_p1: 2 attempts of ours succeeded",
    ),
    Broken(
        "I1",
        "UPDATE payment_attempts SET charged_amount = 9800 WHERE invoice_id = 'inv_zoe_p1'",
        "inv_zoe_p1: attempt 1 charged 9800 of 4900",
    ),
    Broken(
        "I1",
        "UPDATE invoices SET amount_paid = amount_due + 1 WHERE id = 'inv_anna_p3'",
        "inv_anna_p3: 5021 paid of 5020 due",
    ),
    Broken(
        "I1",
        "UPDATE invoices SET status = 'uncollectible' WHERE id = 'inv_zoe_p1'",
        "inv_zoe_p1: attempt 1 paid it, and it is uncollectible",
    ),
    Broken(
        "I1",
        "UPDATE invoices SET amount_refunded = 100 WHERE id = 'inv_zoe_p1'",
        "inv_zoe_p1: 100 given back of 4900 paid, its refunds come to 0",
    ),
    Broken(
        "I1",
        "INSERT INTO disputes (id, agency_id, invoice_id, account_id, provider_id, charge_id, amount, currency, "
        "status, reason, created_at) "
        "SELECT 'dsp_2', agency_id, id, account_id, 'du_2', 'ch_2', 1, 'usd', 'open', 'general', "
        "created_at FROM invoices WHERE status = 'open' ORDER BY id LIMIT 1",
        "dispute dsp_2 is of its payment, and it is open",
    ),
    Broken(
        "I2",
        "UPDATE invoice_lines SET amount = 4901 WHERE invoice_id = 'inv_zoe_p1'",
        "inv_zoe_p1: its lines come to 4901, its total is 4900",
    ),
    Broken("I2", "DELETE FROM invoice_lines WHERE invoice_id = 'inv_zoe_p1'", "inv_zoe_p1: its lines come to 0"),
    Broken(
        "I2",
        "UPDATE invoices SET provider_subtotal = 4800 WHERE id = 'inv_zoe_p1'",
        "inv_zoe_p1: 4800 at Stripe before tax, 4900 in our lines",
    ),
    Broken(
        "I2",
        "UPDATE invoices SET amount_due = 5021 WHERE id = 'inv_anna_p3'",
        "inv_anna_p3: 5021 due, of 5020 with tax, a balance that went from 0 to 0, and 0 credited",
    ),
    Broken(
        "I2",
        "UPDATE invoices SET amount_paid = 1 WHERE id = 'inv_bert_p1'",
        "inv_bert_p1: paid, with 1 of 4900",
    ),
    Broken(
        "I2",
        "ALTER TABLE invoices DROP CONSTRAINT invoices_statement_is_ours;"
        "UPDATE invoices SET status = 'statement', settled_at = NULL WHERE id = 'inv_zoe_p1'",
        "inv_zoe_p1: a statement, and 4900 is due of it with 1 attempts",
    ),
    Broken("I2", "UPDATE credits SET consumed = 0", "0 of 720 consumed, its uses come to 720"),
    Broken(
        "I2",
        "ALTER TABLE credits DROP CONSTRAINT credits_never_over_consumed; UPDATE credits SET amount = 700",
        "720 of 700 consumed",
    ),
    Broken(
        "I2",
        "DELETE FROM credit_uses WHERE invoice_id = 'inv_carl_p2'",
        "inv_carl_p2: 720 of credit used, 720 in its line, 0 taken from credits",
    ),
    Broken(
        "I3",
        "DROP INDEX invoices_one_live;" + copy("invoices", "id = 'inv_bert_f3'", id="inv_again", closed_period=None),
        "sub_bert: 2 live invoices for final 3",
    ),
    Broken(
        "I3",
        f"UPDATE periods SET starts_at = starts_at + interval '1 s' WHERE {ZOE} AND number = 3",
        "sub_zoe: period 3 begins at 2026-03-31 00:00:01+00, after period 2 and 2026-03-31 00:00:00+00",
    ),
    Broken(
        "I3",
        "ALTER TABLE periods DROP CONSTRAINT periods_never_overlap;"
        f"UPDATE periods SET starts_at = starts_at - interval '1 s' WHERE {ZOE} AND number = 3",
        "sub_zoe: period 3 begins at 2026-03-30 23:59:59+00, after period 2",
    ),
    Broken("I3", f"DELETE FROM periods WHERE {ZOE} AND number = 2", "sub_zoe: period 3 begins at"),
    Broken(
        "I3",
        "UPDATE subscriptions SET trial_start = '2026-01-15Z', trial_end = '2026-02-01Z' WHERE id = 'sub_zoe'",
        "sub_zoe: period 1 begins at 2026-01-31 00:00:00+00, in the trial that ends at 2026-02-01 00:00:00+00",
    ),
    Broken("I3", "UPDATE invoices SET kind = 'change' WHERE id = 'inv_bert_f3'", "sub_bert: period 4 begins at"),
    Broken(
        "I4",
        "ALTER TABLE calls DROP CONSTRAINT calls_pkey;" + copy("calls", "call_id = 'd2'"),
        "agc_one: call d2 is there 2 times",
    ),
    Broken(
        "I4",
        f"UPDATE usage_rollups SET {MINUTE_MORE} WHERE {ZOE}",
        "sub_zoe, period 1: 240 s of 1 calls in the rollup, 180 s of 1 in the calls",
    ),
    Broken(
        "I4",
        f"UPDATE usage_rollups SET calls = 2 WHERE {ZOE}",
        "sub_zoe, period 1: 180 s of 2 calls in the rollup, 180 s of 1 in the calls",
    ),
    Broken("I4", f"DELETE FROM usage_rollups WHERE {ZOE}", "sub_zoe, period 1: 0 s of 0 calls in the rollup"),
    Broken(
        "I4",
        f"UPDATE periods SET {MINUTE_MORE} WHERE {ZOE} AND number = 1",
        "sub_zoe, period 1: frozen at 240 s, its calls come to 180 s",
    ),
    Broken(
        "I4",
        "DELETE FROM corrections WHERE correction_id = 'k4'",
        "call z1: corrected by -60 s, its corrections come to 0 s",
    ),
    Broken(
        "I4",
        f"UPDATE usage_days SET {MINUTE_MORE} WHERE {ZOE}; UPDATE usage_rollups SET {MINUTE_MORE} WHERE {ZOE}",
        "sub_zoe, period 1, 2026-02-01: 240 s of 1 calls in the day's rollup, 180 s of 1 in the calls",
    ),
    Broken("I4", f"DELETE FROM usage_days WHERE {ZOE}", "sub_zoe, period 1: 180 s of 1 calls in the rollup, 0 s of 0"),
    Broken("I4", "DELETE FROM call_details WHERE client_id = 'cli_zoe'", "agc_two: call z1 is counted, and was never"),
    Broken(
        "I4",
        "DELETE FROM calls WHERE call_id = 'd2'",
        "agc_one: call d2 is reported, and counts nowhere",
    ),
    Broken(
        "I4",
        "UPDATE sealed_usage SET subscription_id = 'sub_zoe', period = 1, unbilled = NULL, agency_id = 'agc_two', "
        "client_id = 'cli_zoe'",
        "sub_zoe, period 1: 180 s of 1 calls in the rollup, 240 s of 2 in the calls",
    ),
    Broken(
        "I4",
        "UPDATE sealed_usage SET late = true, subscription_id = 'sub_dora', period = 1",
        "sub_dora, period 1: 60 s came late with calls that are retired, 0 s are entered",
    ),
    Broken(
        "I4",
        "UPDATE calls SET started_at = started_at - interval '2 days' WHERE call_id = 'z1'",
        "call z1 of 2026-01-30 00:00:00+00: period 1 of sub_zoe does not hold it",
    ),
    Broken(
        "I4",
        "UPDATE calls SET unbilled = 'trial', subscription_id = 'sub_dora', period = 0 WHERE call_id = 'd2'",
        "call d2 of 2026-02-04 00:00:00+00: not billed for a trial that does not hold it",
    ),
    Broken(
        "I4",
        "DELETE FROM late_entries WHERE call_id = 'a3'",
        "sub_anna, period 1: 600 s came late with call a3 , 0 s are entered",
    ),
    Broken(
        "I4",
        "UPDATE late_entries SET seconds = -60 WHERE correction_id = 'k2'",
        "sub_carl, period 1: -3600 s came late with call c1 k2, -60 s are entered",
    ),
    Broken(
        "I4",
        "UPDATE periods SET settled_late_seconds = 0 WHERE subscription_id = 'sub_anna'",
        "sub_anna, period 1: 0 s settled late, its settled entries come to 600 s",
    ),
    Broken(
        "I4",
        "UPDATE notifications SET dedupe_key = 'else' || audience WHERE dedupe_key = 'sub_anna:usage:1:100'",
        "sub_anna, period 1: 36720 s of 30000 s included are used, and 100 % was never told",
    ),
    Broken(
        "I5",
        f"UPDATE periods SET overage = 12 WHERE {ZOE} AND number = 1",
        "sub_zoe, period 1: closed at 12, 180 s cost 0 at its terms",
    ),
    Broken(
        "I5",
        f"UPDATE periods SET included_seconds = 0 WHERE {ZOE} AND number = 1",
        "sub_zoe, period 1: closed at 0, 180 s cost 36 at its terms",
    ),
    Broken(
        "I5",
        f"ALTER TABLE periods DROP CONSTRAINT periods_check1; UPDATE periods SET closed_at = NULL WHERE {BERT}",
        "sub_bert, period 1: closed without closed_at",
    ),
    Broken(
        "I5",
        f"UPDATE periods SET status = 'open' WHERE {ZOE} AND number = 1",
        "sub_zoe: period 2 is closed, and the earlier period 1 is not",
    ),
    Broken(
        "I5",
        "UPDATE invoice_lines SET amount = amount + CASE kind WHEN 'overage' THEN 1 ELSE -1 END "
        "WHERE invoice_id = 'inv_anna_p2'",
        "inv_anna_p2: overage of period 1 is 1345, closed at 1344",
    ),
    Broken(
        "I5",
        "UPDATE invoices SET closed_period = NULL WHERE id = 'inv_anna_p2'",
        "sub_anna, period 1: overage of 1344 that nobody bills",
    ),
    Broken(
        "I6",
        "UPDATE subscriptions SET state = jsonb_set(state, '{ladder}', 'null') WHERE id = 'sub_anna'",
        "inv_anna_p3 is open, and nobody collects it",
    ),
    Broken(
        "I6",
        "UPDATE subscriptions SET state = jsonb_set(state, '{debt}', '[]') WHERE id = 'sub_anna'",
        "inv_anna_p3 is open, and nobody collects it",
    ),
    Broken(
        "I6",
        "INSERT INTO account_freezes (agency_id, account_id, cause, frozen_at) "
        "VALUES ('agc_one', 'acct_one', 'restricted', '2026-01-31Z')",
        "acct_one stands still, though its account can charge",
    ),
    Broken(
        "I6",
        "INSERT INTO account_freezes (agency_id, cause, frozen_at) VALUES ('agc_one', 'tier', '2026-01-31Z')",
        "agc_one stands still, though its tier includes billing",
    ),
    Broken(
        "I7",
        "UPDATE payment_attempts SET decline_class = 'hard' WHERE (invoice_id, number) = ('inv_anna_p1', 2)",
        "inv_anna_p1, attempt 3: card fp_lost:2030-12 was declined hard at attempt 2 on inv_anna_p1",
    ),
    Broken(
        "I7",
        ";".join(
            copy("payment_attempts", "invoice_id = 'inv_carl_p2'", number=number, idempotency_key=f"more-{number}")
            for number in range(2, 11)
        ),
        "cli_carl: card fp_1:2030-12 was tried 11 times in the 30 days to 2026-02-28",
    ),
    Broken("I8", f"UPDATE periods SET client_id = 'cli_anna' WHERE {BERT}", "its subscription_id sub_bert is of"),
    Broken("I8", "UPDATE invoices SET customer_id = 'cus_bert' WHERE id = 'inv_dora_f1'", "bills customer cus_bert of"),
    Broken(
        "I8",
        "UPDATE subscriptions SET state = jsonb_set(state, '{client}', '\"cli_bert\"') WHERE id = 'sub_dora'",
        "sub_dora of agc_one, cli_dora: its state is of agc_one, cli_bert",
    ),
    Broken(
        "I8",
        "UPDATE payment_attempts SET subscription_id = 'sub_bert' WHERE invoice_id = 'inv_dora_f1'",
        "inv_dora_f1, attempt 1: made by sub_bert for sub_dora",
    ),
    Broken("I8", "UPDATE inbox SET account = 'acct_two'", "event evt_1 of agc_two is read by sub_anna of agc_one"),
    Broken("I8", "UPDATE audit SET subscription_id = 'sub_gone'", "its subscription_id sub_gone is of nobody"),
)


async def _look(connection: Connection) -> list[Compared]:
    """Examine from inside the connection's transaction."""
    return await examine(cast(Any, SimpleNamespace(acquire=lambda: nullcontext(connection))))


def _red(comparisons: Sequence[Compared]) -> dict[str, tuple[str, ...]]:
    return {compared.id: compared.wrong for compared in comparisons if compared.wrong}


async def test_they_hold_in_books_that_were_lived_in(lived_in: Pool) -> None:
    found = await examine(lived_in)
    assert [compared.id for compared in found] == ALL
    assert _red(found) == {}
    assert {compared.id: compared.figures for compared in found} == {
        "I1": "16 invoices, 9 of them paid once by us; 1 refund, none beyond what was paid; "
        "1 dispute, each of a paid invoice",
        "I2": "16 invoices with 20 lines that sum to their totals, 13 of them paid to the cent; "
        "1 credit, none over-consumed",
        "I3": "14 periods of 5 subscriptions without gap or overlap",
        "I4": "8 calls counted once, 2 of them unbilled; rollups of 103680 s are their sum; "
        "2 late entries for what came after a closing; 6 usage levels and 0 spend caps told",
        "I5": "10 closed periods, each still priced as when it closed",
        "I6": "2 open invoices: 2 with a ladder with a next date",
        "I7": "14 attempts on 5 cards: 1 hard decline, no card tried after one or more than 10 times in 30 days",
        "I8": "2 agencies with 5 clients: no row of one points to what is another's",
    }


@pytest.mark.parametrize("broken", BROKEN, ids=str)
async def test_what_breaks_one_turns_exactly_that_one_red(lived: Connection, broken: Broken) -> None:
    await lived.execute("SET LOCAL session_replication_role = replica;" + broken.statement)
    red = _red(await _look(lived))
    assert list(red) == [broken.id]
    assert any(broken.told in sentence for sentence in red[broken.id]), red


async def test_the_cap_counts_thirty_days_to_the_microsecond(lived: Connection) -> None:
    """Nine more tries beside carl's first, and one as the window of that first closes: not within 30 days."""
    await lived.execute("SET LOCAL session_replication_role = replica")
    first = "invoice_id = 'inv_carl_p1'"
    for number in range(2, 11):
        await lived.execute(
            copy("payment_attempts", first, number=number, idempotency_key=str(number), result="declined")
        )
    await lived.execute("UPDATE payment_attempts SET attempted_at = attempted_at + interval '1 day' WHERE number > 2")
    await lived.execute("DELETE FROM payment_attempts WHERE invoice_id IN ('inv_carl_p2', 'inv_carl_p3')")
    late = copy("payment_attempts", f"{first} AND number = 1", number=11, idempotency_key="11", result="declined")
    await lived.execute(late)
    for interval, red in (("30 days", []), ("29 days 23:59:59.999999", ["I7"])):
        moved = f"(SELECT attempted_at + interval '{interval}' FROM payment_attempts WHERE {first} AND number = 1)"
        await lived.execute(f"UPDATE payment_attempts SET attempted_at = {moved} WHERE {first} AND number = 11")
        assert list(_red(await _look(lived))) == red, interval


async def test_a_row_of_any_table_that_changes_its_agency_is_seen(lived: Connection) -> None:
    rows = await lived.fetch(
        "SELECT c.relname AS table_name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'agency_id'"
    )
    await lived.execute(ENDPOINT)
    await lived.execute("SET LOCAL session_replication_role = replica")
    for table in sorted({row["table_name"] for row in rows} - set(UNSEEN)):
        await lived.execute("SAVEPOINT before")
        moved = f"UPDATE {table} SET agency_id = 'agc_else' WHERE ctid = (SELECT max(ctid) FROM {table})"
        assert await lived.execute(moved) == "UPDATE 1", f"{table} is empty: it shows nothing"
        assert "I8" in _red(await _look(lived)), table
        await lived.execute("ROLLBACK TO SAVEPOINT before")


async def test_empty_books_are_in_order(house: House) -> None:
    assert _red(await examine(house.pool)) == {}


async def test_who_looks_while_others_write_sees_no_half_of_it(house: House) -> None:
    anna, bert = await house.subscribed("anna"), await house.subscribed("bert")
    at = anna.period.end + DAY if anna.period else START

    async def report(name: str, first: int) -> None:
        for n in range(first, first + 20):
            await house.report(call(f"{name}{n}", name, START + DAY, n + 1), at=START + 2 * DAY)

    async def bill() -> None:
        await house.issue(await house.close(await house.issue(anna, at), at), at)
        await house.issue(bert, at)

    async def look() -> dict[str, tuple[str, ...]]:
        return _red(await examine(house.pool))

    work = (report("anna", 0), report("bert", 0), report("anna", 50), bill())
    seen = await asyncio.gather(*work, *(look() for _ in range(8)))
    assert [red for red in seen if red] == []


def test_all_that_is_compared_for_one_invariant_is_one_finding() -> None:
    report = summed_up(
        [
            Compared("I10", "3 events", ()),
            Compared("I3", "2 invoices", ()),
            Compared("I3", "4 periods", tuple(f"wrong {n}" for n in range(7))),
        ]
    )
    assert [(found.id, found.ok) for found in report.findings] == [("I3", False), ("I10", True)]
    assert report.findings[0].detail == (
        "2 invoices; 4 periods – but wrong 0; wrong 1; wrong 2; wrong 3; wrong 4; and 2 more"
    )
    assert not report.ok
    assert report.as_json()["invariants"] == [
        {"id": "I3", "ok": False, "detail": report.findings[0].detail},
        {"id": "I10", "ok": True, "detail": "3 events"},
    ]
