"""kill -9 of the worker when Stripe has just mailed a sent invoice: there is one, and it is mailed once."""

from typing import Final

from support.dying_worker import Fates
from support.stage import Stage

from workflows.messages import subscription_workflow_id

MAILED: Final = "issue_invoice before 7 commit"
"""Final at Stripe and mailed, of which the books know nothing."""
ORDER: Final = {
    "lines": [{"description": "Set-up", "amount": {"amount": 15000, "currency": "usd"}}],
    "collection": "send",
    "days_until_due": 14,
}


async def test_it_is_made_and_mailed_once_though_the_worker_dies_with_the_answer(stage: Stage, fates: Fates) -> None:
    client = await stage.client()
    # Stripe is away at first, so that the worker can be doomed before it tries again.
    await stage.fault("invoices.create", "refuse", times=2)
    invoice = (await stage.agency.post(f"/v1/agency/clients/{client.id}/invoices", ORDER))["id"]
    await stage.rest()
    fates.doom(subscription_workflow_id(invoice.replace("inv_", "cst_")), MAILED)

    await stage.advance(minutes=5)

    assert fates.doomed() == [], "the worker never came by"
    assert (await stage.agency.get(f"/v1/agency/invoices/{invoice}"))["status"] == "open"
    account = (await stage.agency.get("/v1/agency/stripe"))["account_id"]
    asked = (await stage.sandbox.emulator.ask("requests?limit=2000"))["requests"]
    mailed = [one["replayed"] for one in asked if (one["account"], one["call"]) == (account, "invoices.send_invoice")]
    assert mailed == [False, True], "asked for again, and answered as it was"
    books = next(one for one in (await stage.control.get("/books"))["accounts"] if one["account"] == account)
    assert [one["status"] for one in books["invoices"]] == ["open"]
