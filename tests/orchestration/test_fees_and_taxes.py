"""What the platform and the tax office take of a life's invoices, and lives in currencies of other decimals."""

import pytest
from support.stage import FAILS, PAYS, Stage

from adapters.stripe.connection import connect

AMOUNTS = {
    # price, overage of 100 minutes at 12.5 minor units, fee of 1.55 %
    "jpy": (4900, 1250, 95),
    "kwd": (49000, 1250, 770),
}


async def _tax_rate(stage: Stage, percentage: float) -> str:
    settings = stage.sandbox.settings
    connection = connect(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    account = (await stage.agency.get("/v1/agency/stripe"))["account_id"]
    try:
        rate = await connection.write(
            f"test:{account}:{percentage}",
            lambda o: connection.v1.tax_rates.create_async(
                {"display_name": "VAT", "percentage": percentage, "inclusive": False}, o
            ),
            account,
        )
    finally:
        await connection.close()
    return rate.id


async def test_a_new_fee_and_a_new_tax_stand_on_the_next_invoice_and_tax_is_refunded_with_it(stage: Stage) -> None:
    client = await stage.subscribe(card=PAYS)
    await stage.by_platform(application_fee_percent=2.5)
    await stage.settings(tax={"mode": "rates", "rate_ids": [await _tax_rate(stage, 19)]})
    await stage.advance(days=31, hours=2)

    first, second = sorted(await stage.charges(client), key=lambda charge: charge["created"])
    assert (first["amount"], first["application_fee_amount"]) == (4900, None)
    assert (second["amount"], second["application_fee_amount"]) == (5831, 145)
    rows = await stage.agency.get(f"/v1/agency/clients/{client.id}/invoices")
    assert [(row["total"]["amount"], row["amount_paid"]["amount"]) for row in rows["data"]] == [
        (4900, 5831),
        (4900, 4900),
    ]

    body = {"amount": {"amount": 5831, "currency": "usd"}, "reason": "requested_by_customer"}
    await stage.agency.post(f"/v1/agency/invoices/{client.invoice('p2')}/refunds", body)
    await stage.rest()
    assert [charge["amount_refunded"] for charge in await stage.charges(client)].count(5831) == 1


@pytest.mark.parametrize("currency", AMOUNTS)
async def test_a_life_in_a_currency_of_no_or_three_decimals(stage: Stage, currency: str) -> None:
    price, overage, fee = AMOUNTS[currency]
    await stage.by_platform(application_fee_percent=1.55)
    client = await stage.subscribe(card=PAYS, plan={"price": price, "currency": currency})
    await stage.call(client, 600)
    await stage.type_card(client, FAILS)
    await stage.advance(days=31, hours=2)
    assert (await stage.bills(client))["p2"].status == "open"
    await stage.type_card(client, PAYS)
    await stage.rest()

    renewed = await stage.agency.get(f"/v1/agency/invoices/{client.invoice('p2')}")
    assert renewed["amount_paid"] == {"amount": price + overage, "currency": currency}
    assert [line["amount"]["amount"] for line in renewed["lines"]] == [price, overage]
    (paid,) = [
        one for one in await stage.charges(client) if one["amount"] == price + overage and one["status"] == "succeeded"
    ]
    assert (paid["currency"], paid["application_fee_amount"]) == (currency, fee)

    part = {"amount": {"amount": 1250, "currency": currency}, "reason": "requested_by_customer"}
    await stage.agency.post(f"/v1/agency/invoices/{client.invoice('p2')}/refunds", part)
    await stage.rest()
    given_back = await stage.agency.get(f"/v1/agency/invoices/{client.invoice('p2')}")
    assert given_back["amount_refunded"] == {"amount": 1250, "currency": currency}
    (figures,) = (await stage.agency.get("/v1/agency/summary"))["currencies"][-1:]
    assert (figures["currency"], figures["collected"]["currency"]) == (currency, currency)
