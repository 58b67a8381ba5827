"""What invoices add up to: lines, taxes, the customer's balance, the smallest and the largest charge."""

from typing import Any

import pytest
import stripe

from tests.contract.emulator.shop import Shop


async def _tax_rate(shop: Shop, percentage: str, *, inclusive: bool = False) -> str:
    params = {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
    return str((await shop.api.tax_rates.create_async(params, shop.options())).id)


async def _balance(shop: Shop, customer: str) -> int:
    return int((await shop.api.customers.retrieve_async(customer, {}, shop.options())).balance)


async def test_exclusive_tax_is_added_and_rounded_on_each_line(shop: Shop) -> None:
    rate = await _tax_rate(shop, "2.5")
    draft = await shop.draft((await shop.customer()).id, 100, 100, -20, default_tax_rates=[rate])
    assert [line.taxes[0].amount for line in draft.lines.data] == [3, 3, -1]  # 2.5, 2.5, -0.5: halves away from zero
    assert (draft.subtotal, draft.total, draft.total_excluding_tax) == (180, 185, 180)
    assert [(tax.amount, tax.tax_behavior, tax.taxable_amount) for tax in draft.total_taxes] == [(5, "exclusive", 180)]


async def test_inclusive_tax_is_found_inside(shop: Shop) -> None:
    rate = await _tax_rate(shop, "19", inclusive=True)
    draft = await shop.draft((await shop.customer()).id, 1190, default_tax_rates=[rate])
    assert (draft.total, draft.subtotal_excluding_tax, draft.total_taxes[0].amount) == (1190, 1000, 190)
    assert draft.total_taxes[0].tax_behavior == "inclusive"


async def test_rates_can_be_taken_off_and_set_on_a_line(shop: Shop) -> None:
    twenty, ten = await _tax_rate(shop, "20"), await _tax_rate(shop, "10")
    draft = await shop.draft((await shop.customer()).id, 1000, default_tax_rates=[twenty])
    line = {"amount": 1000, "tax_rates": [ten]}
    both = await shop.api.invoices.add_lines_async(draft.id, {"lines": [line]}, shop.options())
    assert both.total == 2300
    without = await shop.api.invoices.update_async(draft.id, {"default_tax_rates": ""}, shop.options())
    assert without.total == 2100


# (currency, percentage) → tax on a line of 12,340 minor units, and on 10
TAXED = {
    ("usd", "8.25"): (1018, 1),
    ("jpy", "10"): (1234, 1),
    ("kwd", "5"): (620, 0),  # 617 and 0.5: banks take no third decimal
    ("kwd", "50"): (6170, 10),
    ("isk", "24"): (3000, 0),
}


@pytest.mark.parametrize(("currency", "percentage"), TAXED)
async def test_tax_is_rounded_on_each_line_to_what_can_be_charged(shop: Shop, currency: str, percentage: str) -> None:
    rate = await _tax_rate(shop, percentage)
    draft = await shop.draft((await shop.customer()).id, 12_340, 10, currency=currency, default_tax_rates=[rate])
    assert tuple(line.taxes[0].amount for line in draft.lines.data) == TAXED[currency, percentage]


async def test_inclusive_tax_is_rounded_alike_and_moves_no_total(shop: Shop) -> None:
    rate = await _tax_rate(shop, "5", inclusive=True)
    draft = await shop.draft((await shop.customer()).id, 12_340, currency="kwd", default_tax_rates=[rate])
    assert (draft.total, draft.total_taxes[0].amount) == (12_340, 590)


async def test_an_amount_that_banks_do_not_take_is_not_issued(shop: Shop) -> None:
    draft = await shop.draft((await shop.customer()).id, 12_345, currency="kwd")
    with pytest.raises(stripe.InvalidRequestError, match="divisible by 10"):
        await shop.api.invoices.finalize_invoice_async(draft.id, {}, shop.options())


@pytest.mark.parametrize(("exemption", "reason"), [("exempt", "customer_exempt"), ("reverse", "reverse_charge")])
async def test_exempt_customers_are_charged_no_tax(shop: Shop, exemption: str, reason: str) -> None:
    customer = await shop.customer(tax_exempt=exemption)
    draft = await shop.draft(customer.id, 1000, default_tax_rates=[await _tax_rate(shop, "20")])
    assert (draft.total, draft.total_taxes[0].amount, draft.total_taxes[0].taxability_reason) == (1000, 0, reason)


async def test_a_preview_is_what_an_invoice_comes_to_and_leaves_nothing(shop: Shop) -> None:
    rate = await _tax_rate(shop, "2.5")
    items = [{"amount": amount, "currency": "usd", "tax_rates": [rate]} for amount in [100] * 12 + [-20]]
    preview = await shop.api.invoices.create_preview_async({"currency": "usd", "invoice_items": items}, shop.options())
    assert (preview.subtotal, preview.total, preview.total_taxes[0].amount) == (1180, 1215, 35)
    assert (preview.id[:12], preview.customer, preview.lines.has_more) == ("upcoming_in_", None, True)
    exempt = {"customer_details": {"tax_exempt": "exempt"}, "currency": "usd", "invoice_items": items}
    assert (await shop.api.invoices.create_preview_async(exempt, shop.options())).total == 1180
    assert (await shop.api.invoices.list_async({}, shop.options())).data == []
    assert await shop.event_types(types=["invoice.created"]) == []


async def test_a_customers_preview_has_its_balance(shop: Shop) -> None:
    params = {"customer": (await shop.customer(balance=-300)).id, "invoice_items": [{"amount": 1000}]}
    preview = await shop.api.invoices.create_preview_async(params, shop.options())
    assert (preview.total, preview.starting_balance, preview.amount_due) == (1000, -300, 700)


async def test_rates_of_both_kinds_do_not_mix(shop: Shop) -> None:
    rates = [await _tax_rate(shop, "20"), await _tax_rate(shop, "10", inclusive=True)]
    with pytest.raises(stripe.InvalidRequestError, match="inclusive"):
        await shop.draft((await shop.customer()).id, default_tax_rates=rates)


async def test_a_zero_total_is_paid_when_finalized_without_a_payment(shop: Shop) -> None:
    customer = await shop.customer(balance=400)
    invoice = await shop.finalized(customer.id, 900, -900)
    after = await shop.invoice(invoice.id)
    assert (after.status, after.amount_due, after.payments.data) == ("paid", 0, [])
    assert await _balance(shop, customer.id) == 400


# (starting balance, total) → (amount due, ending balance, status)
BALANCES = {
    (0, 49): (0, 49, "paid"),  # under the minimum of 50 cents: the customer owes it
    (0, 50): (50, 0, "open"),
    (49, 1): (50, 0, "open"),
    (30, 19): (0, 49, "paid"),
    (250, 1000): (1250, 0, "open"),
    (-300, 1000): (700, 0, "open"),
    (-980, 1000): (0, 20, "paid"),
    (-1000, 1000): (0, 0, "paid"),
    (-1500, 1000): (0, -500, "paid"),
    (0, -500): (0, -500, "paid"),
}


@pytest.mark.parametrize(("starting", "total"), BALANCES)
async def test_the_balance_is_applied_when_finalized(shop: Shop, starting: int, total: int) -> None:
    due, ending, status = BALANCES[starting, total]
    customer = await shop.customer(balance=starting)
    invoice = await shop.finalized(customer.id, total)
    assert (invoice.starting_balance, invoice.amount_due, invoice.ending_balance) == (starting, due, ending)
    assert (invoice.status, invoice.total) == (status, total)
    assert await _balance(shop, customer.id) == ending
    assert len((await shop.invoice(invoice.id)).payments.data) == (1 if due else 0)


async def test_voiding_gives_the_balance_back(shop: Shop) -> None:
    customer = await shop.customer(balance=-300)
    invoice = await shop.finalized(customer.id, 1000)
    await shop.api.invoices.void_invoice_async(invoice.id, {}, shop.options())
    assert await _balance(shop, customer.id) == -300
    entries = (await shop.api.customers.balance_transactions.list_async(customer.id, {}, shop.options())).data
    assert [(entry.type, entry.amount, entry.ending_balance) for entry in entries] == [
        ("unapplied_from_invoice", -300, -300),
        ("applied_to_invoice", 300, 0),
        ("adjustment", -300, -300),
    ]


async def test_balances_are_per_currency(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.finalized(customer.id, 20)
    await shop.finalized(customer.id, 10, currency="gbp")
    after = await shop.api.customers.retrieve_async(customer.id, {}, shop.options())
    assert (after.currency, after.balance) == ("usd", 20)
    assert after.invoice_credit_balance.to_dict() == {"usd": 20, "gbp": 10}


@pytest.mark.parametrize(("currency", "minimum"), [("gbp", 30), ("jpy", 50), ("mxn", 1000), ("kwd", 50)])
async def test_the_smallest_charge_depends_on_the_currency(shop: Shop, currency: str, minimum: int) -> None:
    customer = (await shop.customer()).id
    assert (await shop.finalized(customer, minimum, currency=currency)).amount_due == minimum
    assert (await shop.finalized(customer, minimum - 1, currency=currency)).amount_due == 0


async def test_the_largest_charge_is_999_999_99(shop: Shop) -> None:
    customer = (await shop.customer()).id
    largest = await shop.finalized(customer, 99_999_999)
    assert largest.amount_due == 99_999_999
    draft = await shop.draft(customer, 99_999_999, 1)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.api.invoices.finalize_invoice_async(draft.id, {}, shop.options())
    assert refusal.value.error.code == "amount_too_large"


async def test_lines_are_priced_by_amount_by_price_and_by_data(shop: Shop) -> None:
    api, options = shop.api, shop.options()
    product = await api.products.create_async({"name": "Minutes"}, options)
    price = await api.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount_decimal": "12.5"}, options
    )
    draft = await shop.draft((await shop.customer()).id)
    data = {"currency": "usd", "product_data": {"name": "Setup"}, "unit_amount": 300}
    lines: list[Any] = [
        {"amount": 700, "description": "Flat", "metadata": {"line_id": "a"}, "period": {"start": 1, "end": 2}},
        {"pricing": {"price": price.id}, "quantity": 1},
        {"price_data": data, "quantity": 2},
    ]
    invoice = await api.invoices.add_lines_async(draft.id, {"lines": lines}, options)
    assert [(line.amount, line.quantity, line.description) for line in invoice.lines.data] == [
        (700, 1, "Flat"),
        (13, 1, "Minutes"),  # 12.5: a half goes away from zero
        (600, 2, "Setup"),
    ]
    first, second = invoice.lines.data[0], invoice.lines.data[1]
    assert (first.metadata.line_id, first.period.start, first.parent.type) == ("a", 1, "invoice_item_details")
    assert second.pricing.price_details.price == price.id


async def test_lines_are_changed_taken_off_and_listed_in_their_order(shop: Shop) -> None:
    api, options = shop.api, shop.options()
    draft = await shop.draft((await shop.customer()).id, *range(100, 112))
    assert (len(draft.lines.data), draft.lines.has_more) == (10, True)
    lines = [
        line
        async for line in (await api.invoices.line_items.list_async(draft.id, {"limit": 5}, options)).auto_paging_iter()
    ]
    assert [line.amount for line in lines] == list(range(100, 112))
    change = {"lines": [{"id": lines[0].id, "amount": 7, "metadata": {"line_id": ""}}]}
    changed = await api.invoices.update_lines_async(draft.id, change, options)
    assert (changed.lines.data[0].amount, changed.lines.data[0].metadata.to_dict()) == (7, {})
    gone = {"lines": [{"id": line.id, "behavior": "delete"} for line in lines[1:]]}
    assert (await api.invoices.remove_lines_async(draft.id, gone, options)).total == 7


REFUSED_LINES = {
    "no price": {"description": "free?"},
    "two prices": {"amount": 1, "price_data": {"currency": "usd", "product_data": {"name": "a"}, "unit_amount": 1}},
    "another currency": {"price_data": {"currency": "eur", "product_data": {"name": "a"}, "unit_amount": 1}},
    "no product": {"price_data": {"currency": "usd", "unit_amount": 1}},
    "no unit amount": {"price_data": {"currency": "usd", "product_data": {"name": "a"}}},
    "too large": {"amount": 100_000_000},
    "unknown price": {"pricing": {"price": "price_none"}},
}


@pytest.mark.parametrize("case", REFUSED_LINES)
async def test_impossible_lines_are_refused_all_together(shop: Shop, case: str) -> None:
    draft = await shop.draft((await shop.customer()).id)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.api.invoices.add_lines_async(
            draft.id, {"lines": [{"amount": 5}, REFUSED_LINES[case]]}, shop.options()
        )
    assert (await shop.invoice(draft.id)).lines.data == []


async def test_250_lines_fit_one_call(shop: Shop) -> None:
    customer = (await shop.customer()).id
    assert (await shop.draft(customer, *[2] * 250)).total == 500
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.draft(customer, *[2] * 251)
    assert refusal.value.error.code == "array_too_long"
