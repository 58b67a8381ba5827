"""Refunds and disputes that Stripe has and our books lack, compared on the real servers: applied once, or told."""

import asyncio

import pytest
from support.http import Json
from support.tenant import Tenant

from tests.contract.api.test_reconciliation import account_of, compare, findings, lost_webhooks, told
from worker.disputes import DisputeKeeper
from worker.refunds import RefundKeeper


async def two_paid(tenant: Tenant) -> list[Json]:
    clients = await asyncio.gather(tenant.subscribed(), tenant.subscribed())
    return [await tenant.invoice(client) for client in clients]


async def in_dashboard(tenant: Tenant, invoice: Json, action: str, **details: int) -> Json:
    path = f"dashboard/{invoice['stripe_invoice_id']}"
    made: Json = (await tenant.site.stripe.tell(path, {"action": action, **details}))["made"]
    return made


async def shown(tenant: Tenant, invoice: Json) -> Json:
    found: Json = await tenant.api.get(f"/v1/agency/invoices/{invoice['id']}")
    return found


async def stands(tenant: Tenant, refunded: Json, refund: str, disputed: Json, dispute: str) -> None:
    """Wait until the books have the one refund and the one dispute, and have them so."""

    async def known() -> bool:
        one, other = await shown(tenant, refunded), await shown(tenant, disputed)
        found = [item["status"] for item in one["refunds"]], [item["status"] for item in other["disputes"]]
        return found == ([refund], [dispute])

    await tenant.eventually(known)


async def messages(tenant: Tenant) -> list[str]:
    kinds = [one["kind"] for one in (await tenant.api.get("/v1/agency/notifications"))["data"]]
    return sorted(kind for kind in kinds if kind.startswith(("refund", "disputed", "finding")))


async def all_have_come(tenant: Tenant) -> None:
    async def delivered() -> bool:
        counts = await tenant.site.stripe.tell("webhooks", {"mode": "normal"})
        return bool(counts["webhooks_due"] + counts["webhooks_held"] == 0)

    await tenant.eventually(delivered)


async def test_lost_refunds_and_disputes_are_applied_once_also_when_their_events_come_after_all(own: Tenant) -> None:
    account = await account_of(own)
    refunded, disputed = await two_paid(own)
    async with lost_webhooks(own):
        refund = await in_dashboard(own, refunded, "refund", amount=900)
        await in_dashboard(own, disputed, "dispute")
        assert (await compare(own, account)).events >= 3, "made, created and withdrawn"
        await stands(own, refunded, "succeeded", disputed, "open")
        assert (await shown(own, refunded))["amount_refunded"]["amount"] == 900
        assert (await shown(own, disputed))["disputed"]

        await own.site.stripe.tell(f"refunds/{refund['id']}/fail", {"reason": "expired_or_canceled_card"})
        await in_dashboard(own, disputed, "dispute_lost")
        assert (await compare(own, account)).events >= 3, "failed, updated and closed"
        await stands(own, refunded, "failed", disputed, "lost")
        assert (await shown(own, refunded))["amount_refunded"]["amount"] == 0
    once = ["disputed", "disputed", "refund_failed", "refunded"]
    assert await messages(own) == once
    events = await own.site.pool.fetchval("SELECT count(*) FROM inbox WHERE account = $1", account)

    await all_have_come(own)
    assert await own.site.pool.fetchval("SELECT count(*) FROM inbox WHERE account = $1", account) == events
    await stands(own, refunded, "failed", disputed, "lost")
    assert (await messages(own), await findings(own)) == (once, [])


async def test_what_our_books_lack_though_it_was_reported_is_a_finding_until_it_is_applied(own: Tenant) -> None:
    account, (one, other) = await account_of(own), await two_paid(own)
    refund = await in_dashboard(own, one, "refund", amount=900)
    dispute = await in_dashboard(own, other, "dispute")
    await stands(own, one, "succeeded", other, "open")
    with pytest.MonkeyPatch.context() as deaf:
        for keeper in (RefundKeeper, DisputeKeeper):
            deaf.setattr(keeper, "keep", _nothing)
        await own.site.stripe.tell(f"refunds/{refund['id']}/fail", {"reason": "expired_or_canceled_card"})
        await in_dashboard(own, other, "dispute_won")
        second = await in_dashboard(own, one, "refund", amount=500)
        asked = await in_dashboard(own, one, "inquiry")
        await all_have_come(own)
        assert (await compare(own, account)).opened == 4
    seen = {found["kind"]: found for found in await findings(own, open="true")}
    for kind, object, invoice, ours, theirs in (
        ("refund_unknown", second, one, "is not there", "succeeded, 5.00 USD"),
        ("refund_status_differs", refund, one, "succeeded, 9.00 USD", "failed, 9.00 USD"),
        ("dispute_unknown", asked, one, "is not there", "warning, 44.00 USD"),
        ("dispute_status_differs", dispute, other, "open, 49.00 USD", "won, 49.00 USD"),
    ):
        found = seen.pop(kind)
        assert (found["object"], found["invoice_id"], found["client_id"]) == (
            object["id"],
            invoice["id"],
            invoice["client_id"],
        )
        assert (found["ours"], found["theirs"]) == (ours, theirs)
    assert (seen, len(await told(own))) == ({}, 4)

    # No event is left to learn it from: it is read, because the lists show it.
    tally = await compare(own, account)
    assert (tally.events, tally.opened, tally.resolved) == (0, 0, 4)
    assert await findings(own, open="true") == []
    assert sorted(item["status"] for item in (await shown(own, one))["refunds"]) == ["failed", "succeeded"]
    assert [item["status"] for item in (await shown(own, one))["disputes"]] == ["warning"]
    assert [item["status"] for item in (await shown(own, other))["disputes"]] == ["won"]
    assert await messages(own) == ["disputed"] * 3 + ["finding"] * 4 + ["refund_failed"] + ["refunded"] * 2


async def _nothing(*_: object) -> None:
    """A defect: what was reported takes no effect, and the row is done."""
