"""What the platform and the tax office take of a life's invoices, and lives in currencies of other decimals."""

from collections.abc import AsyncIterator
from fractions import Fraction

import pytest
from support.stage import FAILS, PAYS, Client, Stage

from adapters.stripe.connection import Connection, connect
from billing.money import round_to_unit

AMOUNTS = {
    # price, overage of 100 minutes at 12.5 minor units, tax of 5 % on each line, fee of 1.55 % of it all
    "jpy": (4900, 1250, 245 + 63, 100),
    "kwd": (49000, 1250, 2450 + 60, 810),
}


@pytest.fixture
async def stripe(stage: Stage) -> AsyncIterator[Connection]:
    settings = stage.sandbox.settings
    connection = connect(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    yield connection
    await connection.close()


async def _tax_rate(stage: Stage, stripe: Connection, percentage: float) -> str:
    account = (await stage.agency.get("/v1/agency/stripe"))["account_id"]
    rate = await stripe.write(
        f"test:{account}:{percentage}",
        lambda o: stripe.v1.tax_rates.create_async(
            {"display_name": "VAT", "percentage": percentage, "inclusive": False}, o
        ),
        account,
    )
    return rate.id


async def test_fee_and_tax_stand_on_what_is_issued_from_then_on_and_go_back_with_it(
    stage: Stage, stripe: Connection
) -> None:
    client = await stage.subscribe(card=PAYS)
    await stage.by_platform(application_fee_percent=2.5)
    await stage.settings(tax={"mode": "rates", "rate_ids": [await _tax_rate(stage, stripe, 19)]})
    await stage.advance(days=31, hours=2)
    lines = [{"description": "Set-up", "amount": {"amount": 1000, "currency": "usd"}}]
    await stage.agency.post(f"/v1/agency/clients/{client.id}/invoices", {"lines": lines, "collection": "charge"})
    await stage.rest()

    rows = (await stage.agency.get(f"/v1/agency/clients/{client.id}/invoices"))["data"]
    assert {tuple(row[name]["amount"] for name in ("total", "tax", "amount_paid")) for row in rows} == {
        (4900, 0, 4900),
        (4900, 931, 5831),
        (1000, 190, 1190),
    }
    assert await _fees_kept(stage, stripe, client) == {4900: None, 5831: 145, 1190: 29}

    renewal = f"/v1/agency/invoices/{client.invoice('p2')}"
    await stage.agency.post(f"{renewal}/refunds", {"reason": "requested_by_customer"})
    await stage.rest()
    assert (await stage.agency.get(renewal))["amount_refunded"]["amount"] == 5831
    assert await _fees_kept(stage, stripe, client) == {4900: None, 5831: 0, 1190: 29}


async def _fees_kept(stage: Stage, stripe: Connection, client: Client) -> dict[int, int | None]:
    """What the platform has of each charge of the client, by the charge's amount; none: it took no fee."""
    read = await stripe.read(lambda o: stripe.v1.application_fees.list_async({"limit": 100}, o), None)
    kept = {fee.charge: fee.amount - fee.amount_refunded for fee in read.data}
    return {charge["amount"]: kept.get(charge["id"]) for charge in await stage.charges(client)}


@pytest.mark.parametrize("currency", AMOUNTS)
async def test_a_taxed_life_in_a_currency_of_no_or_three_decimals(
    stage: Stage, stripe: Connection, currency: str
) -> None:
    price, overage, tax, fee = AMOUNTS[currency]
    due = price + overage + tax
    await stage.by_platform(application_fee_percent=1.55)
    await stage.settings(tax={"mode": "rates", "rate_ids": [await _tax_rate(stage, stripe, 5)]})
    client = await stage.subscribe(card=PAYS, plan={"price": price, "currency": currency})
    await stage.call(client, 600)
    await stage.type_card(client, FAILS)
    await stage.advance(days=31, hours=2)
    assert (await stage.bills(client))["p2"].status == "open"
    await stage.type_card(client, PAYS)
    await stage.rest()

    renewed = await stage.agency.get(f"/v1/agency/invoices/{client.invoice('p2')}")
    assert renewed["amount_paid"] == {"amount": due, "currency": currency}
    assert renewed["total"] == {"amount": price + overage, "currency": currency}
    assert [line["amount"]["amount"] for line in renewed["lines"]] == [price, overage]
    (paid,) = [one for one in await stage.charges(client) if one["amount"] == due and one["status"] == "succeeded"]
    assert (paid["currency"], paid["application_fee_amount"]) == (currency, fee)

    part = {"amount": {"amount": 1250, "currency": currency}, "reason": "requested_by_customer"}
    await stage.agency.post(f"/v1/agency/invoices/{client.invoice('p2')}/refunds", part)
    await stage.rest()
    given_back = await stage.agency.get(f"/v1/agency/invoices/{client.invoice('p2')}")
    assert given_back["amount_refunded"] == {"amount": 1250, "currency": currency}
    (figures,) = (await stage.agency.get("/v1/agency/summary"))["currencies"][-1:]
    assert (figures["currency"], figures["collected"]["currency"]) == (currency, currency)

    await _changed_as_previewed(stage, client, price // 10 + 70, currency)


async def _changed_as_previewed(stage: Stage, client: Client, price: int, currency: str) -> None:
    """A change for the period's end, with its overage to date and its tax, is billed as the preview said."""
    await stage.call(client, 503)
    body = {"plan_id": await stage.plan(price=price, currency=currency), "effective": "period_end"}
    preview = await stage.agency.post(f"{client.path}/plan-changes", {**body, "preview": True})
    taxes = [round_to_unit(Fraction(line["amount"]["amount"], 20), currency) for line in preview["lines"]]
    assert len(taxes) == 2
    assert preview["tax"] == {"amount": sum(taxes), "currency": currency}
    await stage.agency.post(f"{client.path}/plan-changes", body)
    await stage.advance(days=31, hours=2)
    changed = await stage.agency.get(f"/v1/agency/invoices/{client.invoice('p3')}")
    assert (changed["total"], changed["amount_paid"]) == (preview["total"], preview["total_with_tax"])
