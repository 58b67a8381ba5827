"""How requests are read: keys, accounts, parameters, expansion, pages, and every refusal in Stripe's form."""

from typing import Any

import httpx
import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode  # the client's own encoder, which the decoder must understand

from sandbox.stripe.forms import decode_form
from tests.contract.emulator.process import API_KEY, EmulatorProcess, sdk
from tests.contract.emulator.shop import Shop, open_shop

REFUSED_FORMS = {
    "unknown": ("customers", {"nonsense": "1"}, "parameter_unknown", "nonsense"),
    "unknown inside": ("customers", {"invoice_settings": {"nope": "1"}}, "parameter_unknown", "invoice_settings[nope]"),
    "removed": (
        "checkout/sessions",
        {"mode": "setup", "success_url": "https://a.test", "currency": "usd", "payment_method_types": ["card"]},
        "parameter_unknown",
        "payment_method_types",
    ),
    "missing": ("invoices", {"currency": "usd"}, "parameter_missing", "customer"),
    "neither currency nor types": (
        "checkout/sessions",
        {"mode": "setup", "success_url": "https://a.test"},
        "parameter_missing",
        "currency",
    ),
    "not a number": ("customers", {"balance": "ten"}, "parameter_invalid_integer", "balance"),
    "below the least": (
        "customers",
        {"next_invoice_sequence": 0},
        "parameter_invalid_integer",
        "next_invoice_sequence",
    ),
    "cannot be emptied": ("products", {"name": ""}, "parameter_invalid_empty", "name"),
    "not a boolean": ("products", {"name": "a", "active": "yes"}, None, "active"),
    "not a choice": ("customers", {"tax_exempt": "perhaps"}, None, "tax_exempt"),
    "not an object": ("customers", {"address": "here"}, None, "address"),
    "not an array": ("customers", {"preferred_locales": "en"}, None, "preferred_locales"),
    "not a currency": ("invoices", {"customer": "cus_1", "currency": "xxx"}, None, "currency"),
    "not an address": ("products", {"name": "a", "url": "nowhere"}, "url_invalid", "url"),
    "too long": ("customers", {"name": "n" * 257}, "parameter_invalid_string_too_long", "name"),
    "metadata is flat": ("customers", {"metadata": {"a": {"b": "c"}}}, None, "metadata"),
    "metadata value too long": ("customers", {"metadata": {"a": "v" * 501}}, None, "metadata[a]"),
    "parameter names what is missing": ("invoices", {"customer": "cus_none"}, "resource_missing", "customer"),
}


async def _post(shop: Shop, resource: str, params: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    form = list(_api_encode(params))
    named = {"authorization": f"Bearer {API_KEY}", "stripe-account": shop.account, **(headers or {})}
    return await shop.http.post(f"{shop.url}/v1/{resource}", data=dict(form), headers=named)


@pytest.mark.parametrize("case", REFUSED_FORMS)
async def test_forms_are_refused_as_stripe_refuses_them(shop: Shop, case: str) -> None:
    resource, params, code, param = REFUSED_FORMS[case]
    answer = await _post(shop, resource, params)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error.get("param")) == ("invalid_request_error", code, param)
    assert error["message"]
    assert answer.headers["request-id"].startswith("req_")


_keys = st.text("abcdefgh_", min_size=1, max_size=8)
_leaves = st.text(max_size=20) | st.integers() | st.booleans()
_forms = st.dictionaries(_keys, st.recursive(_leaves, lambda inner: st.dictionaries(_keys, inner, max_size=4)
                                             | st.lists(inner, max_size=4), max_leaves=12), max_size=5)  # fmt: skip


# The first form builds the table of all characters, which takes seconds on a busy machine.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_forms)
def test_what_the_client_encodes_is_decoded(params: dict[str, Any]) -> None:
    encoded = str(httpx.QueryParams(list(_api_encode(params))))
    assert decode_form(encoded) == _as_form(params)


def _as_form(value: Any) -> Any:
    """What is left of a value on the wire: text, arrays as numbered objects, nothing of what is empty."""
    if isinstance(value, list):
        value = {str(index): entry for index, entry in enumerate(value)}
    if isinstance(value, dict):
        return {key: form for key, entry in value.items() if (form := _as_form(entry)) != {}}
    return str(value).lower() if isinstance(value, bool) else str(value)


async def test_a_wrong_key_is_unauthorized(emulator: EmulatorProcess) -> None:
    async with sdk(emulator.url, "sk_test_wrong") as api:
        with pytest.raises(stripe.AuthenticationError):
            await api.customers.list_async()


async def test_no_key_is_unauthorized(shop: Shop) -> None:
    answer = await shop.http.get(f"{shop.url}/v1/customers")
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_an_unknown_address_is_404(shop: Shop) -> None:
    answer = await _post(shop, "nonsense/here", {})
    assert answer.status_code == 404
    assert "Unrecognized request URL" in answer.json()["error"]["message"]


async def test_an_unknown_account_is_403(api: Any) -> None:
    with pytest.raises(stripe.PermissionError) as refusal:
        await api.customers.list_async({}, {"stripe_account": "acct_1unknown"})
    assert refusal.value.error.code == "account_invalid"


async def test_accounts_do_not_see_each_others_objects(shop: Shop, api: Any, http: httpx.AsyncClient) -> None:
    customer = await shop.customer()
    other = await open_shop(api, http, shop.url)
    for options in (other.options(), {}):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await api.customers.retrieve_async(customer.id, {}, options)
        assert (refusal.value.http_status, refusal.value.error.code) == (404, "resource_missing")
    assert (await api.customers.list_async({}, other.options())).data == []


async def test_metadata_is_merged_and_cleared(shop: Shop) -> None:
    customer = await shop.customer(metadata={"a": "1", "b": "2"})
    update = shop.api.customers.update_async
    changed = await update(customer.id, {"metadata": {"a": "", "c": "3"}}, shop.options())
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    cleared = await update(customer.id, {"metadata": ""}, shop.options())
    assert cleared.metadata.to_dict() == {}


async def test_lists_are_walked_forwards_and_backwards(shop: Shop) -> None:
    made = [(await shop.customer(name=f"c{index}")).id for index in range(5)]
    newest_first = made[::-1]
    listed = shop.api.customers.list_async

    async def page(**params: Any) -> tuple[list[str], bool]:
        found = await listed({"limit": 2, **params}, shop.options())
        return [customer.id for customer in found.data], found.has_more

    assert await page() == (newest_first[:2], True)
    assert await page(starting_after=newest_first[1]) == (newest_first[2:4], True)
    assert await page(starting_after=newest_first[3]) == (newest_first[4:], False)
    assert await page(ending_before=newest_first[3]) == (newest_first[1:3], True)
    assert await page(ending_before=newest_first[2]) == (newest_first[:2], False)
    everything = await listed({"limit": 2}, shop.options())
    assert [customer.id async for customer in everything.auto_paging_iter()] == newest_first


async def test_lists_are_filtered(shop: Shop) -> None:
    customer, other = await shop.customer(email="one@client.test"), await shop.customer()
    draft, issued = await shop.draft(customer.id, 100), await shop.finalized(customer.id, 900)
    foreign = await shop.draft(other.id)

    async def invoices(**params: Any) -> list[str]:
        return [invoice.id for invoice in (await shop.api.invoices.list_async(params, shop.options())).data]

    assert await invoices(customer=customer.id) == [issued.id, draft.id]
    assert await invoices(status="draft") == [foreign.id, draft.id]
    assert await invoices(customer=customer.id, status="open") == [issued.id]
    assert await invoices(created={"gte": draft.created}) == [foreign.id, issued.id, draft.id]
    assert await invoices(created={"lt": draft.created}) == []
    found = await shop.api.customers.list_async({"email": "one@client.test"}, shop.options())
    assert [customer.id for customer in found.data] == [customer.id]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"starting_after": "cus_none"}])
async def test_impossible_pages_are_refused(shop: Shop, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await shop.api.customers.list_async(params, shop.options())


async def test_expansion_reaches_through_lists_and_objects(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.finalized(customer.id, 900)
    await shop.pay(invoice.id)
    params = {
        "expand": [
            "data.customer.invoice_settings.default_payment_method",
            "data.payments.data.payment.payment_intent.latest_charge.balance_transaction",
        ]
    }
    found = (await shop.api.invoices.list_async(params, shop.options())).data[0]
    assert found.customer.invoice_settings.default_payment_method.card.last4 == "4242"
    intent = found.payments.data[0].payment.payment_intent
    assert intent.latest_charge.balance_transaction.net == 900
    assert isinstance(intent.customer, str)


@pytest.mark.parametrize(
    "path", ["nonsense", "metadata", "customer.nonsense", "lines.nonsense", "payments.data.payment.nonsense.charge"]
)
async def test_what_cannot_be_expanded_is_refused(shop: Shop, path: str) -> None:
    invoice = await shop.finalized((await shop.customer()).id, 900)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await shop.api.invoices.retrieve_async(invoice.id, {"expand": [path]}, shop.options())


async def test_expansion_ends_after_four_levels(shop: Shop) -> None:
    customer = await shop.customer()
    await shop.save_card(customer.id)
    invoice = await shop.finalized(customer.id, 900)
    await shop.pay(invoice.id)
    deep = "payments.data.payment.payment_intent.latest_charge.payment_intent"
    retrieve = shop.api.invoices.retrieve_async
    assert await retrieve(invoice.id, {"expand": [deep]}, shop.options())
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        await retrieve(invoice.id, {"expand": [f"{deep}.latest_charge"]}, shop.options())
