"""Every key, constraint and trigger that makes "exactly once" true: each is broken by SQL, and refuses.

The books were lived in (support/lived.py). What a trigger refuses is done once more without it: nothing else may be
what refused, or the test would show nothing.
"""

from dataclasses import dataclass

import asyncpg
import pytest
from support.rows import copy

from adapters.postgres.pool import Connection

TWO_CLIENTS_OF_ONE_NAME = "UPDATE clients SET external_id = 'x' WHERE agency_id = 'agc_one'"


@dataclass(frozen=True)
class Guard:
    """`name` is the constraint, the unique index, or the trigger as `table.trigger`."""

    name: str
    statement: str

    def __str__(self) -> str:
        return f"{self.name}: {self.statement[:60]}"


ZOE_P1, ZOE_P2 = "id = 'inv_zoe_p1'", "id = 'inv_zoe_p2'"
TRY = "invoice_id = 'inv_anna_p3'"
PAID_TRY = "invoice_id = 'inv_zoe_p1'"
IN_FLIGHT = {"result": None, "settled_at": None}
ASKED = {"id": "rfd_new", "provider_id": None, "requested_by": "ada", "status": "pending", "settled_at": None}
FAILED = copy("refunds", "true", id="rfd_failed", provider_id="re_failed", status="failed")
DRAFT = copy(
    "invoices", ZOE_P1, id="inv_new", source="9", provider_id=None, status="draft", issued_at=None, settled_at=None
)
PARKED = """
    INSERT INTO parkings (agency_id, client_id, subscription_id, invoice_id, trouble, cause, parked_at, overage, usual,
                          over, ended_at, decision, decided_by, reason)
    SELECT agency_id, client_id, subscription_id, id, 'implausible', 'too much', created_at, 5, '{1,1,1}', 4,
           created_at, 'reject', 'agency', 'a test' FROM invoices WHERE id = 'inv_zoe_p1';
"""
STOPPED = "INSERT INTO parking_stops VALUES ('refused', '2026-03-01Z', '2026-03-01Z', 1);"
OF_DRAFT = copy("invoice_lines", "invoice_id = 'inv_zoe_p1'", invoice_id="inv_new")
PLAN = "agency_id = 'agc_one' AND version = 1"
PERIOD = "subscription_id = 'sub_zoe' AND number ="

UNIQUE = (
    Guard("subscriptions_one_live", copy("subscriptions", "id = 'sub_anna'", id="sub_again")),
    Guard("subscriptions_one_live", copy("subscriptions", "id = 'sub_anna'", id="sub_again", status="past_due")),
    Guard("invoices_one_live", copy("invoices", ZOE_P2, id="inv_again", provider_id=None)),
    Guard("invoices_account_id_provider_id_key", copy("invoices", ZOE_P2, id="inv_again", source="9")),
    Guard("invoices_pkey", copy("invoices", ZOE_P2, source="9", provider_id=None)),
    Guard("invoice_lines_pkey", DRAFT + OF_DRAFT + OF_DRAFT),
    Guard("credit_uses_pkey", copy("credit_uses", "true")),
    Guard("payment_attempts_pkey", copy("payment_attempts", TRY, idempotency_key="x")),
    Guard("payment_attempts_idempotency_key_key", copy("payment_attempts", TRY, number=8)),
    Guard(
        "payment_attempts_one_in_flight",
        copy("payment_attempts", TRY, number=8, idempotency_key="8", **IN_FLIGHT)
        + copy("payment_attempts", TRY, number=9, idempotency_key="9", **IN_FLIGHT),
    ),
    Guard("payment_attempts_one_success", copy("payment_attempts", PAID_TRY, number=2, idempotency_key="2")),
    Guard("refunds_account_id_provider_id_key", copy("refunds", "true", id="rfd_again")),
    Guard("skipped_attempts_pkey", copy("skipped_attempts", "true")),
    Guard("periods_pkey", copy("periods", PERIOD + "3", starts_at="2030-01-01Z", ends_at="2030-02-01Z")),
    Guard("periods_never_overlap", copy("periods", PERIOD + "3", number=4)),
    Guard(
        "periods_never_overlap",
        copy("periods", PERIOD + "3", number=4, starts_at="2026-04-29T23:59:59.999999Z", ends_at="2026-05-30Z"),
    ),
    Guard("usage_rollups_pkey", copy("usage_rollups", "true")),
    Guard("calls_pkey", copy("calls", "call_id = 'd2'")),
    Guard("usage_days_pkey", copy("usage_days", "true")),
    Guard("call_months_pkey", copy("call_months", "true")),
    Guard("sealed_usage_once", copy("sealed_usage", "true")),
    Guard("corrections_pkey", copy("corrections", "true")),
    Guard("late_entries_agency_id_call_id_correction_id_key", copy("late_entries", "call_id = 'a3'", id=99)),
    Guard("late_entries_agency_id_call_id_correction_id_key", copy("late_entries", "call_id = 'c1'", id=99)),
    Guard("inbox_account_event_id_key", copy("inbox", "true", id=99)),
    Guard("inbox_readers_pkey", copy("inbox_readers", "true")),
    Guard("outbox_dedupe_key_key", copy("outbox", "true", id=99)),
    Guard("notifications_agency_id_audience_dedupe_key_key", copy("notifications", "true", id="ntf_again")),
    Guard(
        "message_deliveries_notification_id_channel_endpoint_id_key",
        copy("message_deliveries", "channel = 'mail'", id="dlv_again"),
    ),
    Guard("audit_dedupe_key_key", copy("audit", "dedupe_key IS NOT NULL", id=9999)),
    Guard("browser_sessions_one_for_a_hand_over", copy("browser_sessions", "true", id="other")),
    Guard("idempotency_keys_pkey", copy("idempotency_keys", "true", request_hash="other")),
    Guard("customers_pkey", copy("customers", "client_id = 'cli_anna'", customer_id="cus_again")),
    Guard(
        "customers_account_id_customer_id_key",
        copy("clients", "id = 'cli_anna'", id="cli_new")
        + copy("customers", "client_id = 'cli_anna'", client_id="cli_new"),
    ),
    Guard("card_sessions_account_id_session_id_key", copy("card_sessions", "true", id="cs_again")),
    Guard(
        "connected_accounts_account_id_key",
        copy("connected_accounts", "agency_id = 'agc_one'", number=2, state="disconnected"),
    ),
    Guard(
        "connected_accounts_one_current",
        copy("connected_accounts", "agency_id = 'agc_one'", number=2, account_id="acct_new"),
    ),
    Guard(
        "connected_accounts_pkey",
        copy("connected_accounts", "agency_id = 'agc_one'", account_id="acct_new", state="disconnected"),
    ),
    *(
        Guard(name, "".join(copy("account_freezes", "true", id=id, thawed_at=None, **of) for id in (98, 99)))
        for name, of in (
            ("account_freezes_one_open", {"account_id": "acct_one", "cause": "restricted"}),
            ("account_freezes_one_open_by_tier", {"account_id": None, "cause": "tier"}),
        )
    ),
    Guard("clients_agency_id_external_id_key", TWO_CLIENTS_OF_ONE_NAME),
    Guard(
        "parkings_one_open",
        PARKED
        + "".join(
            copy("parkings", "decision IS NOT NULL", id=id, ended_at=None, decision=None, decided_by=None, reason=None)
            for id in (98, 99)
        ),
    ),
    Guard("parking_stops_pkey", 2 * STOPPED),
    Guard("disputes_account_id_provider_id_key", copy("disputes", "true", id="dsp_new")),
    Guard("credit_notes_account_id_provider_id_key", copy("credit_notes", "true", id="crn_new")),
    Guard("plan_versions_pkey", copy("plan_versions", "true")),
    Guard("findings_one_open", "".join(copy("findings", "true", id=id, resolved_at=None) for id in ("f1", "f2"))),
    *(
        Guard(name, copy("plan_versions", PLAN, version=2, **same) + copy("plan_versions", PLAN, version=3, **same))
        for name, same in (
            ("plan_versions_plan_id_request_key", {"request": "r"}),
            ("plan_versions_imported_once", {"account_id": "acct", "price_id": "price", "imported": True}),
        )
    ),
)

CHECKS = (
    Guard("credits_never_over_consumed", "UPDATE credits SET consumed = amount + 1"),
    Guard("credits_never_over_consumed", "UPDATE credits SET consumed = -1"),
    Guard("credits_never_over_consumed", copy("credit_uses", "given_back_at IS NULL", invoice_id="inv_anna_p3")),
    Guard("refunds_never_exceed_paid", copy("refunds", "true", **ASKED, amount=4501)),
    Guard("refunds_amount_check", copy("refunds", "true", id="rfd_new", provider_id=None, amount=0)),
    Guard("subscriptions_check", "UPDATE subscriptions SET plan_version = NULL WHERE id = 'sub_anna'"),
    # Without a plan it is a custom invoice, which is never a client's live subscription.
    Guard("subscriptions_check1", "UPDATE subscriptions SET plan_id = NULL, plan_version = NULL WHERE id = 'sub_anna'"),
    Guard("credits_amount_check", copy("credits", "true", id=99, amount=0)),
    Guard("credit_uses_amount_check", copy("credit_uses", "true", invoice_id="inv_anna_p3", amount=0)),
    Guard("invoices_total_check", copy("invoices", ZOE_P1, id="inv_new", total=-1)),
    Guard("invoices_check", "UPDATE invoices SET status = 'open', issued_at = NULL WHERE id = 'inv_new'"),
    Guard("invoices_check1", "UPDATE invoices SET settled_at = NULL WHERE id = 'inv_zoe_p1'"),
    Guard("invoices_check1", "UPDATE invoices SET status = 'paid' WHERE id = 'inv_anna_p3'"),
    Guard("invoices_status_check", "UPDATE invoices SET status = 'lost', issued_at = created_at WHERE id = 'inv_new'"),
    Guard("payment_attempts_check", copy("payment_attempts", TRY, number=8, idempotency_key="8", settled_at=None)),
    Guard("payment_attempts_number_check", copy("payment_attempts", TRY, number=0, idempotency_key="0")),
    Guard("periods_check", copy("periods", PERIOD + "3", number=4, ends_at="2026-03-01Z")),
    Guard("periods_check1", f"UPDATE periods SET status = 'closed' WHERE {PERIOD} 3"),
    Guard("usage_rollups_calls_check", "UPDATE usage_rollups SET calls = -1"),
    Guard("calls_never_below_zero", "UPDATE calls SET corrected_seconds = -billed_seconds - 1"),
    Guard("calls_in_a_period_or_unbilled", "UPDATE calls SET period = NULL WHERE call_id = 'a1'"),
    Guard("calls_in_a_period_or_unbilled", "UPDATE calls SET unbilled = 'paused' WHERE call_id = 'a1'"),
    Guard("corrections_seconds_check", copy("corrections", "true", correction_id="k9", seconds=0)),
    Guard("parkings_reviewed_by_figures", PARKED + copy("parkings", "decision IS NOT NULL", id=99, over=None)),
    Guard("parkings_decided_by_somebody", PARKED + copy("parkings", "decision IS NOT NULL", id=99, reason=None)),
    Guard("parkings_decided_by_somebody", PARKED + copy("parkings", "decision IS NOT NULL", id=99, ended_at=None)),
    Guard("agencies_tax_names_its_rates", "UPDATE agencies SET tax_mode = 'rates'"),
    Guard("agencies_review_over_is_money", "UPDATE agencies SET review_over = 5"),
    Guard("late_entries_check", copy("late_entries", "true", id=99, settled_by=None)),
)

STANDS = (
    Guard("refunds.refunds_never_deleted", "DELETE FROM refunds"),
    Guard("refunds.refunds_stand", "UPDATE refunds SET amount = 401"),
    Guard("refunds.refunds_sent_stand", "UPDATE refunds SET with_fee = true"),
    Guard("refunds.refunds_made_stand", "UPDATE refunds SET provider_id = 're_other'"),
    Guard("refunds.refunds_end", FAILED + "UPDATE refunds SET status = 'succeeded' WHERE id = 'rfd_failed'"),
    Guard("disputes.disputes_never_deleted", "DELETE FROM disputes"),
    Guard("disputes.disputes_stand", "UPDATE disputes SET charge_id = 'ch_other'"),
    Guard(
        "disputes.disputes_lifted_stand",
        "".join(f"UPDATE disputes SET lifted_at = {at}; " for at in ("created_at", "created_at + interval '1 s'")),
    ),
    Guard("credit_notes.credit_notes_never_deleted", "DELETE FROM credit_notes"),
    Guard("credit_notes.credit_notes_stand", "UPDATE credit_notes SET amount = 401"),
    Guard(
        "credit_notes.credit_notes_end",
        "".join(f"UPDATE credit_notes SET status = '{s}'; " for s in ("void", "issued")),
    ),
    *(
        Guard("invoices.invoices_levies_stand", f"UPDATE invoices SET {change}")
        for change in ("fee_percent = 1", "tax_rate_ids = '{txr_1}'")
    ),
    Guard("invoices.invoices_never_deleted", DRAFT + "DELETE FROM invoices WHERE id = 'inv_new'"),
    *(
        Guard("invoices.invoices_stand", f"UPDATE invoices SET {change} WHERE id = 'inv_new'")
        for change in ("total = total + 1", "credit_used = 1", "currency = 'eur'", "source = '8'", "kind = 'final'")
    ),
    *(
        Guard("invoices.invoices_issued_stand", f"UPDATE invoices SET {change} WHERE id = 'inv_anna_p3'")
        for change in ("provider_id = 'in_other'", "number = '2'", "issued_at = issued_at + interval '1 s'")
    ),
    *(
        Guard("invoices.invoices_move_forward", f"UPDATE invoices SET status = {status} WHERE id = 'inv_{invoice}'")
        for invoice, status in (
            ("anna_p3", "'draft'"),
            ("zoe_p1", "'open', settled_at = NULL"),
            ("zoe_p1", "'void'"),
            ("zoe_p1", "'uncollectible'"),
            ("carl_p2", "'open', settled_at = NULL"),
            ("dora_f1", "'draft', settled_at = NULL"),
        )
    ),
    Guard("invoices.invoices_move_forward", "UPDATE invoices SET status = 'uncollectible' WHERE id = 'inv_carl_p2'"),
    Guard("invoice_lines.invoice_lines_only_on_drafts", copy("invoice_lines", "true", position=9)),
    Guard("invoice_lines.invoice_lines_stand", "UPDATE invoice_lines SET amount = amount - 1"),
    Guard("invoice_lines.invoice_lines_stand", "DELETE FROM invoice_lines"),
    Guard("credits.credits_stand", "UPDATE credits SET amount = amount + 1"),
    Guard("credits.credits_never_deleted", copy("credits", "true", id=99) + "DELETE FROM credits WHERE id = 99"),
    Guard("credit_uses.credit_uses_stand", "DELETE FROM credit_uses"),
    Guard("credit_uses.credit_uses_kept", "UPDATE credit_uses SET amount = amount - 1"),
    Guard("credit_uses.credit_uses_given_back_once", "UPDATE credit_uses SET given_back_at = used_at"),
    Guard("payment_attempts.payment_attempts_never_deleted", "DELETE FROM payment_attempts"),
    *(
        Guard("payment_attempts.payment_attempts_stand", f"UPDATE payment_attempts SET {change} WHERE {TRY}")
        for change in (
            "amount = 1",
            "card_identity = 'x'",
            "card = '{}'",
            "number = 9",
            "idempotency_key = 'x'",
            "attempted_at = attempted_at + interval '1 day'",
            "first_sent_at = first_sent_at + interval '1 day'",
        )
    ),
    *(
        Guard("payment_attempts.payment_attempts_settled_stand", f"UPDATE payment_attempts SET {change} WHERE {TRY}")
        for change in (
            "result = 'not_made'",
            "result = NULL, settled_at = NULL",
            "charge_id = 'ch_x'",
            "payment_intent_id = 'pi_x'",
            "charged_amount = 1",
            "decline_class = 'hard'",
            "decline = '{}'",
            "reason = 'x'",
        )
    ),
    *(
        Guard("periods.periods_frozen_stand", f"UPDATE periods SET {change} WHERE {PERIOD} 1")
        for change in ("seconds = seconds + 1", "starts_at = starts_at + interval '1 s'", "ends_at = starts_at")
    ),
    *(
        Guard("periods.periods_closed_stand", f"UPDATE periods SET {change} WHERE {PERIOD} 1")
        for change in ("status = 'open'", "overage = 1", "rate = 1", "included_seconds = 0", "currency = 'eur'")
    ),
    Guard("periods.periods_frozen_never_deleted", f"DELETE FROM periods WHERE {PERIOD} 1"),
    *(
        Guard("calls.calls_content_stands", f"UPDATE calls SET {change} WHERE call_id = 'd2'")
        for change in (
            "content_hash = 1",
            "started_at = started_at + interval '1 s'",
            "client_id = 'cli_anna'",
        )
    ),
    Guard("calls.calls_kept_until_retired", "DELETE FROM calls WHERE call_id = 'd2'"),
    Guard("call_details.call_details_stand", "UPDATE call_details SET calls = 'x'"),
    Guard("call_details.call_details_kept_until_retired", "DELETE FROM call_details"),
    Guard("sealed_usage.sealed_usage_never_deleted", "DELETE FROM sealed_usage"),
    Guard("corrections.corrections_stand", "UPDATE corrections SET seconds = -1"),
    Guard("corrections.corrections_stand", "DELETE FROM corrections WHERE correction_id = 'k3'"),
    Guard("late_entries.late_entries_stand", "UPDATE late_entries SET seconds = 1"),
    Guard("late_entries.late_entries_settled_once", "UPDATE late_entries SET settled_by = 'inv_anna_p1'"),
    Guard("late_entries.late_entries_settled_once", "UPDATE late_entries SET settled_by = NULL, settled_at = NULL"),
    Guard("late_entries.late_entries_never_deleted", "DELETE FROM late_entries"),
    Guard("plan_versions.plan_versions_terms_stand", "UPDATE plan_versions SET price = 1"),
    Guard("parkings.parkings_stand", PARKED + "UPDATE parkings SET overage = 6 WHERE overage = 5"),
    Guard("parkings.parkings_decided_stand", PARKED + "UPDATE parkings SET decision = 'approve' WHERE overage = 5"),
    Guard("parkings.parkings_never_deleted", PARKED + "DELETE FROM parkings"),
    Guard("audit.audit_stands", "UPDATE audit SET who = 'nobody'"),
    Guard("audit.audit_stands", "DELETE FROM audit"),
    Guard("audit.audit_never_truncated", "TRUNCATE audit"),
)


@pytest.mark.parametrize("guard", UNIQUE, ids=str)
async def test_a_second_one_is_refused(lived: Connection, guard: Guard) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        await lived.execute(guard.statement)
    assert refusal.value.constraint_name == guard.name


@pytest.mark.parametrize("guard", CHECKS, ids=str)
async def test_what_contradicts_itself_is_refused(lived: Connection, guard: Guard) -> None:
    await lived.execute(DRAFT)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await lived.execute(guard.statement)
    assert refusal.value.constraint_name == guard.name


@pytest.mark.parametrize("guard", STANDS, ids=str)
async def test_what_is_written_stands(lived: Connection, guard: Guard) -> None:
    if DRAFT not in guard.statement:
        await lived.execute(DRAFT)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with lived.transaction():
            await lived.execute(guard.statement)
    table, trigger = guard.name.split(".")
    await lived.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    await lived.execute(guard.statement)


async def test_every_key_and_trigger_of_the_schema_is_broken_here(lived: Connection) -> None:
    keys = await lived.fetch("""
        SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE (i.indisunique AND (NOT i.indisprimary OR i.indnkeyatts > 1) OR i.indisexclusion)
        AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '%_agency_id_id_key'
    """)
    triggers = await lived.fetch("""
        SELECT tgrelid::regclass::text || '.' || tgname AS name FROM pg_trigger
        WHERE NOT tgisinternal AND tgparentid = 0 AND tgname NOT LIKE '%_wakes'
        AND tgname NOT IN ('credit_uses_counted', 'refunds_counted')
    """)
    assert {row["relname"] for row in keys} - {guard.name for guard in UNIQUE} == set()
    assert {row["name"] for row in triggers} - {guard.name for guard in STANDS} == set()


async def test_no_row_can_point_into_another_tenant(lived: Connection) -> None:
    """Each foreign key that names the agency, tried with an object of another agency's."""
    pointers = await lived.fetch("""
        SELECT conname, conrelid::regclass::text AS "table", confrelid::regclass::text AS target,
               (SELECT attname FROM pg_attribute WHERE (attrelid, attnum) = (conrelid, conkey[2])) AS "column",
               (SELECT attname FROM pg_attribute WHERE (attrelid, attnum) = (confrelid, confkey[2])) AS key
        FROM pg_constraint WHERE contype = 'f' AND cardinality(conkey) = 2 AND EXISTS (
            SELECT 1 FROM pg_attribute WHERE (attrelid, attnum, attname) = (conrelid, conkey[1], 'agency_id')
        )
    """)
    assert len(pointers) > 20
    # Rows that nothing points to yet: all that is wrong is where they point.
    await lived.execute(DRAFT)
    await lived.execute(copy("plans", "agency_id = 'agc_two'", id="pln_bare"))
    await lived.execute(copy("clients", "agency_id = 'agc_two'", id="cli_bare"))
    await lived.execute(copy("subscriptions", "agency_id = 'agc_two'", id="sub_bare", status="cancelled"))
    await lived.execute(copy("plan_versions", "agency_id = 'agc_one'", version=2))
    await lived.execute(
        "INSERT INTO webhook_endpoints (id, agency_id, url, secret, created_at) "
        "SELECT 'whe_' || id, id, 'https://hooks.example.com', 'whsec_', created_at FROM agencies"
    )
    to_endpoint = {"id": "dlv_bare", "channel": "webhook", "endpoint_id": "whe_agc_one"}
    await lived.execute(copy("message_deliveries", "agency_id = 'agc_one'", **to_endpoint))
    for pointer in pointers:
        table, column = pointer["table"], pointer["column"]
        await lived.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER; SAVEPOINT before")
        with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
            await lived.execute(f"""
                UPDATE {table} SET {column} = (
                    SELECT {pointer["key"]} FROM {pointer["target"]} WHERE agency_id = 'agc_two' ORDER BY 1 LIMIT 1
                ) WHERE ctid = (SELECT max(ctid) FROM {table} WHERE agency_id = 'agc_one')
            """)
        await lived.execute("ROLLBACK TO SAVEPOINT before")
        assert refusal.value.constraint_name == pointer["conname"]
