"""What an agency does about a client on its pages: each act is asked about once, and undone where that is possible."""

from collections.abc import AsyncIterator

import pytest
from support.http import Site
from support.pages import Browser, Page, as_agency, words
from support.tenant import FAILS, PAYS, Tenant

from sandbox.seed import PLAN

CLIENTS = "/agency/clients"
BIGGER = {"name": "Voice Max", "price": {"amount": 9900, "currency": "usd"}, "included_minutes": 1200}
SHOW = "Show what that comes to"
CHANGED = "This is not any more what you were shown. Please look again: nothing was done yet."


@pytest.fixture
async def browser(site: Site, tenant: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, tenant.id) as browser:
        yield browser


async def ask(browser: Browser, client: str, act: str) -> Page:
    return await browser.open(f"{CLIENTS}/{client}/{act}")


async def owing(tenant: Tenant) -> str:
    """A client in debt, as its workflow knows it, too."""
    client = await tenant.subscribed(FAILS)

    async def known() -> bool:
        return bool((await tenant.live(client))["open_invoices"])

    await tenant.eventually(known)
    return client


async def offered(browser: Browser, client: str) -> list[str]:
    return (await browser.open(f"{CLIENTS}/{client}")).all(".acts a")


async def test_a_plan_is_assigned_as_it_is_typed(browser: Browser, tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    assert await offered(browser, client) == ["Assign a plan", "Make a custom invoice", "Ask for a card"]
    question = await ask(browser, client, "assign")
    typed = {"plan_id": plan, "start": "first_card", "trial_days": "14", "cap_amount": "20.50", "cap_action": "block"}
    shown = await browser.press(question, SHOW, **typed)
    assert "First charge $49.00, 14 days after the first card" in shown.text
    assert "Trial 14 days free of charge" in shown.text
    assert (await tenant.api.get(f"/v1/agency/clients/{client}"))["subscription_status"] is None
    edit = await browser.press(shown, "Change it", step="edit")
    assert str(edit.one("#trial_days")["value"]) == "14"
    page = await browser.press(await browser.press(edit, SHOW), "Assign Voice Pro")
    assert page.path == f"{CLIENTS}/{client}"
    assert "It starts as soon as the client has entered a card" in page.text
    made = await tenant.live(client)
    assert (made["status"], made["plan"]["id"]) == ("awaiting_card", plan)
    assert made["spend_cap"] == {"amount": {"amount": 2050, "currency": "usd"}, "action": "block"}


@pytest.mark.parametrize(
    ("fields", "wrong", "says"),
    [
        ({"trial_days": "731"}, "trial_days", "Please type a number from 0 to 730."),
        ({"trial_days": "-1"}, "trial_days", "Please type a number from 0 to 730."),
        ({"trial_days": "two"}, "trial_days", "Please type a whole number, such as 30."),
        ({"cap_amount": "20.505"}, "cap_amount", "USD has 2 decimals."),
    ],
)
async def test_what_is_wrong_with_an_assignment_stands_beside_its_field(
    browser: Browser, tenant: Tenant, fields: dict[str, str], wrong: str, says: str
) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    page = await browser.press(await ask(browser, client, "assign"), SHOW, plan_id=plan, **fields)
    assert (page.status, page.wrong(wrong)) == (422, says)
    assert str(page.one(f"[name={wrong}]")["value"]) == fields[wrong]
    assert str(page.one("option[selected][value^=pln_]")["value"]) == plan
    assert (await tenant.api.get(f"/v1/agency/clients/{client}"))["subscription_status"] is None


async def test_what_the_api_refuses_of_an_assignment_stands_beside_its_field(browser: Browser, tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    shown = await browser.press(await ask(browser, client, "assign"), SHOW, plan_id=plan, cap_amount="-5")
    page = await browser.press(shown, "Assign Voice Pro")
    assert (page.status, str(page.one("#cap_amount")["value"])) == (422, "-5")
    assert page.wrong("cap_amount")


async def test_a_plan_that_was_changed_meanwhile_is_shown_again(browser: Browser, tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    shown = await browser.press(await ask(browser, client, "assign"), SHOW, plan_id=plan)
    await tenant.api.post(f"/v1/agency/plans/{plan}/versions", PLAN | {"price": {"amount": 5900, "currency": "usd"}})
    again = await browser.press(shown, "Assign Voice Pro")
    assert (again.status, again.all("[role=alert]")) == (422, [CHANGED])
    assert "Price $59.00 a month" in again.text
    await browser.press(again, "Assign Voice Pro")
    assert (await tenant.live(client))["plan"]["version"] == 2


async def test_without_plans_there_is_nothing_to_assign(site: Site, own: Tenant) -> None:
    client = await own.client()
    async with as_agency(site, own.id) as browser:
        page = await ask(browser, client, "assign")
    assert page.link("Create a plan") == "/agency/plans/new"
    assert page.html.select("main select") == []


async def test_who_collects_by_themselves_waits_for_no_card(browser: Browser, tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    typed = {"plan_id": plan, "start": "first_card", "collection": "manual"}
    page = await browser.press(await ask(browser, client, "assign"), SHOW, **typed)
    assert page.status == 422
    assert page.all("#start-wrong") == ["You collect this yourself, so there is no card to wait for: start now."]


async def test_without_a_stripe_account_an_assignment_is_refused_kindly(site: Site, bare: Tenant) -> None:
    client, plan = await bare.client(), await bare.plan()
    async with as_agency(site, bare.id) as browser:
        assert await offered(browser, client) == ["Assign a plan"]
        shown = await browser.press(await ask(browser, client, "assign"), SHOW, plan_id=plan)
        page = await browser.press(shown, "Assign Voice Pro")
    said = "Your Stripe account is not ready to charge. See what can be done"
    assert (page.status, page.all(".banner.bad")) == (422, [said])
    assert page.link("See what can be done") == "/agency/settings/stripe"


async def test_a_lower_tier_is_told_in_the_form(site: Site, own: Tenant) -> None:
    client, plan = await own.client(), await own.plan()
    await (await site.platform()).patch(f"/v1/agencies/{own.id}", {"tier": "starter"})
    async with as_agency(site, own.id) as browser:
        shown = await browser.press(await ask(browser, client, "assign"), SHOW, plan_id=plan)
        page = await browser.press(shown, "Assign Voice Pro")
    assert (page.status, page.all(".banner.bad")) == (422, ["The agency's tier does not include billing."])


async def test_a_change_now_shows_its_lines_before_it_is_made(browser: Browser, tenant: Tenant) -> None:
    client, bigger = await tenant.subscribed(PAYS), await tenant.plan(**BIGGER)
    choice = await ask(browser, client, "change")
    shown = await browser.press(choice, SHOW, plan_id=bigger, effective="")
    lines = shown.all('[aria-label="What would be billed"] tbody tr')
    assert [line.split(",")[0] for line in lines] == ["Unused time on Voice Pro", "Voice Max"]
    assert (await tenant.live(client))["plan"]["name"] == "Voice Pro"
    (button,) = [one for one in shown.all("button") if one.startswith("Change now and bill $")]
    page = await browser.press(shown, button)
    assert "The plan is changed." in page.text
    assert (await tenant.live(client))["plan"]["id"] == bigger


async def test_a_change_at_the_periods_end_can_be_undone(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    smaller = await tenant.plan(name="Voice Mini", price={"amount": 1900, "currency": "usd"})
    shown = await browser.press(await ask(browser, client, "change"), SHOW, plan_id=smaller)
    (button,) = [one for one in shown.all("button") if one.startswith("Change on ")]
    page = await browser.press(shown, button)
    assert "The plan changes to Voice Mini on" in page.text
    assert (await tenant.live(client))["pending_change"]["plan"]["id"] == smaller
    page = await browser.press(page, "Keep the plan as it is")
    assert "The plan stays as it is." in page.text
    assert (await tenant.live(client))["pending_change"] is None


async def test_in_a_debt_a_plan_changes_at_the_periods_end_only(browser: Browser, tenant: Tenant) -> None:
    client, bigger = await owing(tenant), await tenant.plan(**BIGGER)
    choice = await ask(browser, client, "change")
    assert choice.all("fieldset label") == ["At the period's end"]
    assert "It can be changed at once when the $49.00 that is open has been paid." in choice.text
    refused = await browser.open(f"{CLIENTS}/{client}/change?plan_id={bigger}&effective=now")
    assert not any(one.startswith("Change now") for one in refused.all("button"))
    shown = await browser.press(choice, SHOW, plan_id=bigger)
    (button,) = [one for one in shown.all("button") if one.startswith("Change on ")]
    assert "The plan changes to Voice Max on" in (await browser.press(shown, button)).text


async def test_what_can_not_be_done_now_has_its_reason(browser: Browser, tenant: Tenant) -> None:
    client = await owing(tenant)
    await tenant.api.post(f"/v1/agency/clients/{client}/subscription/cancel", {"at": "period_end"})
    page = await browser.open(f"{CLIENTS}/{client}")
    assert "Change the plan: not possible now, the plan ends with this period, and there is a debt." in page.text
    assert "Change the plan" not in page.all(".acts a")


async def test_a_change_is_made_as_it_was_shown_or_shown_again(browser: Browser, tenant: Tenant) -> None:
    client, bigger = await tenant.subscribed(PAYS), await tenant.plan(**BIGGER)
    shown = await browser.press(await ask(browser, client, "change"), SHOW, plan_id=bigger)
    await tenant.api.post(
        f"/v1/agency/plans/{bigger}/versions", PLAN | BIGGER | {"price": {"amount": 19900, "currency": "usd"}}
    )
    (button,) = [one for one in shown.all("button") if one.startswith("Change now and bill $")]
    again = await browser.press(shown, button)
    assert (again.status, again.all("[role=alert]")) == (422, [CHANGED])
    assert "New price $199.00 a month" in again.text
    assert (await tenant.live(client))["plan"]["name"] == "Voice Pro"
    (dearer,) = [one for one in again.all("button") if one.startswith("Change now and bill $")]
    assert "The plan is changed." in (await browser.press(again, dearer)).text
    assert "The plan is changed." in (await browser.press(again, dearer)).text, "sent twice, it is one change"
    assert (await tenant.live(client))["plan"]["version"] == 2


async def test_a_pause_says_when_it_holds_and_is_undone(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    question = await ask(browser, client, "pause")
    assert "no calls are served and no new period is billed" in question.text
    (button,) = [one for one in question.all("button") if one.startswith("Pause on ")]
    page = await browser.press(question, button)
    assert (await tenant.live(client))["pause_at"]
    page = await browser.press(page, "Undo the pause")
    assert "The pause is taken back" in page.text
    assert (await tenant.live(client))["pause_at"] is None


async def test_a_cancellation_at_the_periods_end_is_undone_and_one_now_is_not(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    page = await browser.press(await ask(browser, client, "cancel"), "Cancel Voice Pro")
    assert (await tenant.live(client))["cancel_at"]
    page = await browser.press(page, "Undo the cancellation")
    assert (await tenant.live(client))["cancel_at"] is None
    page = await browser.press(await ask(browser, client, "cancel"), "Cancel Voice Pro", at="now")
    assert "The subscription is cancelled." in page.text
    assert (await tenant.live(client))["status"] == "cancelled"
    assert await offered(browser, client) == ["Assign a plan", "Make a custom invoice", "Ask for a card"]


async def test_a_debt_is_tried_and_given_more_days(browser: Browser, tenant: Tenant) -> None:
    client = await owing(tenant)
    page = await browser.open(f"{CLIENTS}/{client}")
    for act, text in (("retry", "Try to charge now"), ("extend", "Give more days to pay")):
        assert page.link(text) == f"{CLIENTS}/{client}/{act}"
    page = await browser.press(await ask(browser, client, "extend"), "Move the next attempt", days="15")
    assert (page.status, page.wrong("days")) == (422, "This should be less than or equal to 14.")
    page = await browser.press(page, "Move the next attempt", days="14")
    assert "The next attempt is moved to" in page.text
    assert (await tenant.live(client))["ladder"]["extended"] is True
    page = await browser.press(await ask(browser, client, "retry"), "Charge $49.00 now")
    assert "The bank declined: $49.00 is still open." in page.text
    await tenant.bank(client, "pays")
    page = await browser.press(await ask(browser, client, "retry"), "Charge $49.00 now")
    assert "The payment went through: nothing is open any more." in page.text


async def test_the_overage_is_limited_and_let_go_again(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    question = await ask(browser, client, "spend-cap")
    page = await browser.press(question, "Save the limit", amount="100", action="block")
    assert "Overage is limited to $100.00 a period." in page.text
    assert (await tenant.live(client))["spend_cap"]["action"] == "block"
    question = await ask(browser, client, "spend-cap")
    assert str(question.one("#amount")["value"]) == "100.00"
    await browser.press(question, "Save the limit", amount="")
    assert (await tenant.live(client))["spend_cap"] is None


async def test_collection_is_changed_and_changed_back(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.subscribed(PAYS)
    await browser.press(await ask(browser, client, "collection"), "Collect by yourself")
    assert (await tenant.live(client))["collection"] == "manual"
    await browser.press(await ask(browser, client, "collection"), "Charge the client's card")
    assert (await tenant.live(client))["collection"] == "automatic"


async def test_who_is_asked_for_a_card_can_be_handed_the_link(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.client()
    page = await browser.press(await ask(browser, client, "card-request"), "Mail the link")
    assert "/pay/" in str(page.one("#link")["value"])


async def test_a_custom_invoice_is_typed_shown_and_made(browser: Browser, tenant: Tenant) -> None:
    client = await tenant.client()
    show = "Show what it comes to"
    question = await ask(browser, client, "invoice")
    empty = await browser.press(question, show)
    assert (empty.status, empty.wrong("description-1")) == (422, "Please type at least one line.")
    assert next(words(one) for one in empty.form(show).select("button")) == show, "what Enter presses"
    more = await browser.press(empty, "More lines", step="more", **{"description-1": "Set-up", "amount-1": "150"})
    typed = {"description-6": "As agreed", "amount-6": "-25", "collection": "send", "days_until_due": "0"}
    refused = await browser.press(more, show, **typed)
    assert (refused.status, refused.wrong("days_until_due")) == (422, "Please type a number from 1 to 365.")
    shown = await browser.press(refused, show, days_until_due="14")
    assert shown.all("tfoot td") == ["$125.00"]
    page = await browser.press(shown, "Issue and send it")
    assert "The invoice is made." in page.text
    again = await browser.press(shown, "Issue and send it")
    (made,) = (await tenant.api.get(f"/v1/agency/clients/{client}/invoices"))["data"]
    assert again.path == page.path, "a form that is sent twice is one command"
    assert (page.path, made["total"]["amount"]) == (f"/agency/invoices/{made['id']}", 12500)
    assert "Send again" in (await browser.open(f"/agency/invoices/{(await tenant.invoice(client))['id']}")).all(
        ".acts a"
    )


async def test_a_custom_invoice_has_as_many_lines_as_its_form_may_hold(browser: Browser, tenant: Tenant) -> None:
    question = await ask(browser, await tenant.client(), "invoice")
    line = {"description-1": "Set-up", "amount-1": "150"}
    longest = await browser.press(question, "More lines", step="more", rows="999", **line)
    for _ in range(2):
        longest = await browser.press(longest, "More lines", step="more")
    assert longest.status == 200
    shown = await browser.press(longest, "Show what it comes to")
    assert shown.all("tfoot td") == ["$150.00"]


async def test_another_agencys_client_is_not_there(browser: Browser, other: Tenant) -> None:
    client = await other.client()
    for act in ("assign", "change", "cancel", "invoice", "card-request", "retry"):
        assert (await ask(browser, client, act)).status == 404
    answer = await browser.http.post(f"{CLIENTS}/{client}/card-request", data={"csrf": "guessed"})
    assert answer.status_code == 403
