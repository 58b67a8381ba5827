"""Held for review: what is implausibly large waits for the agency's word, durably (billing-rules 9, "Parking")."""

from support.sights import Client
from support.stage import DAY, GRACE, HOUR, Stage, refusal


async def _with_a_wild_fourth_period(stage: Stage, *clients: Client) -> None:
    """Three periods of usual use, and 20 days of talk in the fourth: 28,300 minutes over, 3,537.50."""
    for number in range(4):
        end = (await stage.periods(clients[0]))[number].end
        await stage.to(end - 6 * HOUR)
        for client in clients:
            await stage.call(client, minutes=28_800 if number == 3 else 612)
        await stage.to(end + GRACE)


async def test_an_implausible_overage_waits_for_the_agencys_word(stage: Stage) -> None:
    rejected = await stage.subscribe()
    approved = await stage.subscribe()
    await _with_a_wild_fourth_period(stage, rejected, approved)

    # Held: nothing reaches Stripe, the client sees nothing of it, and the agency sees why.
    bill = await stage.agency.get(f"/v1/agency/invoices/{rejected.invoice('p5')}")
    review = bill["review"]
    assert (bill["status"], bill["stripe_invoice_id"], review["decision"]) == ("draft", None, None)
    assert (review["overage"]["amount"], review["limit"]["amount"]) == (353_750, 24_500)
    assert [one["amount"] for one in review["usual"]] == [1400, 1400, 1400]
    assert len(await stage.paid(rejected)) == 4
    assert (await rejected.portal.get("/v1/portal/billing"))["banner"] is None
    invoices = (await rejected.portal.get("/v1/portal/billing/invoices"))["data"]
    assert rejected.invoice("p5") not in [one["id"] for one in invoices]

    # Told again after 24 and 72 hours; a retry is not the word that is asked for; the next period goes on.
    await stage.to(stage.now() + 4 * DAY)
    assert await _told(stage, rejected) == 3
    assert await refusal(stage.retry(rejected)) == "nothing_to_collect"
    live = await stage.agency.post(f"{rejected.path}/review", {"decision": "reject", "reason": "A test of ours"})
    await stage.rest()
    assert live["parked_invoices"] == []
    await stage.agency.post(f"{approved.path}/review", {"decision": "approve"})
    await stage.rest()

    assert (await stage.paid(rejected))[-1] == 4900
    assert (await stage.paid(approved))[-1] == 4900 + 353_750
    revised = await stage.agency.get(f"/v1/agency/invoices/{rejected.invoice('p5_r2')}")
    assert [line["kind"] for line in revised["lines"]] == ["price"]
    assert revised["review"]["reason"] == "A test of ours"
    gone = await stage.agency.get(f"/v1/agency/invoices/{rejected.invoice('p5')}")
    assert (gone["status"], [line["kind"] for line in gone["lines"]]) == ("void", ["price", "overage"])
    again = stage.agency.post(f"{rejected.path}/review", {"decision": "approve"})
    assert await refusal(again) == "nothing_to_review"


async def _told(stage: Stage, client: Client) -> int:
    query = (
        "SELECT count(*) FROM notifications WHERE client_id = $1 AND audience = 'agency' AND kind = 'invoice_parked'"
    )
    told: int = await stage.sandbox.pool.fetchval(query, client.id)
    return told
