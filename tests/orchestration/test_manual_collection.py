"""Manual collection through boundaries on the real server: what Stripe gets of it, and what it does not."""

from support.stage import GRACE, HOUR, Stage


async def test_statements_are_kept_between_two_invoices_that_stripe_has(stage: Stage) -> None:
    client = await stage.subscribe()
    first = (await stage.periods(client))[0]
    await stage.to(first.end - HOUR)
    called = await stage.call(client, minutes=612)
    changed = await stage.agency.patch(client.path, {"collection": "manual"})
    assert changed["collection"] == "manual"

    await stage.to(first.end + GRACE)
    kept = (await stage.bills(client))["p2"]
    assert (kept.status, kept.lines) == ("statement", (("price", 4900), ("overage", 1400)))
    assert len((await client.portal.get("/v1/portal/billing/invoices"))["data"]) == 1

    # What a correction takes off a statement is a credit of what comes next.
    await stage.correct(called, seconds=-62 * 60, reason="counted twice")
    await stage.agency.patch(client.path, {"collection": "automatic"})
    second = (await stage.periods(client))[1]
    await stage.to(second.end + GRACE)
    found = [(name, bill.status) for name, bill in (await stage.bills(client)).items()]
    assert found == [
        ("p1", "paid"),
        ("p2", "statement"),
        ("p3", "paid"),
    ]
    assert (await stage.bills(client))["p3"].lines == (("price", 4900), ("credit", -775))
    assert await stage.paid(client) == [4900, 4125]
