"""The audit trail: who did what, when and why."""

from support.http import refused
from support.tenant import PAYS, Tenant

AUDIT = "/v1/agency/audit"


async def test_the_life_of_a_client_is_told_last_written_first(tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    trail = (await tenant.api.get(AUDIT, client_id=client, limit=100))["data"]
    told = [one["what"] for one in reversed(trail)]
    assert told[:2] == ["client_created", "plan_assigned"]
    assert told.index("CardSaved") < told.index("InvoiceIssued") < told.index("PaymentSucceeded")
    for fact in ("CardSaved", "InvoiceIssued", "PaymentSucceeded"):
        assert told.count(fact) == 1, told
    assert {one["client_id"] for one in trail} == {client}
    assert len({one["id"] for one in trail}) == len(trail)
    assigned = next(one for one in trail if one["what"] == "plan_assigned")
    assert assigned["who"] == "agency:somebody"
    assert assigned["detail"]["start"] == "first_card"
    paid = next(one for one in trail if one["what"] == "PaymentSucceeded")
    assert paid["who"] == "system"
    assert paid["detail"]["invoice"] == (await tenant.invoice(client))["id"]


async def test_a_client_of_another_agency_has_no_trail_here(bare: Tenant, other: Tenant) -> None:
    theirs = await other.client()
    with refused(404, "not_found"):
        await bare.api.get(AUDIT, client_id=theirs)
    assert theirs not in str((await bare.api.get(AUDIT))["data"])


async def test_a_client_id_that_can_not_be_one_is_refused(bystander: Tenant) -> None:
    with refused(422, "invalid_fields"):
        await bystander.api.get(AUDIT, client_id="' OR 1=1")
