"""The dashboard's settings: a section at a time, alerts, retries, findings and the audit trail."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from support.http import Site
from support.pages import Browser, as_agency
from support.tenant import FAILS, Tenant

SETTINGS, API = "/agency/settings", "/v1/agency/settings"


@pytest.fixture
async def browser(site: Site, own: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, own.id) as browser:
        yield browser


async def test_a_section_is_saved_alone(browser: Browser, own: Tenant) -> None:
    page = await browser.open(SETTINGS)
    assert page.one("nav.tabs [aria-current=page]").get_text() == "General"
    before = await own.api.get(API)
    fields = {"timezone": "Europe/Berlin", "usage_grace_minutes": "90", "review_over": "250.00"}
    said = await browser.press(page, "Save periods and usage", **fields, review_currency="eur")
    assert (said.path, "Saved." in said.text) == (SETTINGS, True)
    changed = {
        "timezone": "Europe/Berlin",
        "usage_grace_minutes": 90,
        "review_over": {"amount": 25000, "currency": "eur"},
    }
    assert await own.api.get(API) == {**before, **changed}
    assert said.one("[name=review_over]")["value"] == "250.00"
    await browser.press(said, "Save periods and usage", review_over="")
    assert (await own.api.get(API))["review_over"] is None


async def test_sender_support_and_addresses_are_saved_and_cleared(browser: Browser, own: Tenant) -> None:
    mail = {"sender_name": "Ada", "support_email": "help@bright.example", "support_url": "https://bright.example/help"}
    page = await browser.press(await browser.open(SETTINGS), "Save email and support", **mail)
    page = await browser.press(
        page, "Save return addresses", allowed_origins="https://a.example\r\n\r\n https://b.example/ "
    )
    settings = await own.api.get(API)
    assert settings["sender"] == {"name": "Ada", "email": None}
    assert settings["support"] == {"email": "help@bright.example", "phone": None, "url": "https://bright.example/help"}
    assert settings["allowed_origins"] == ["https://a.example", "https://b.example"]
    await browser.press(page, "Save email and support", sender_name="")
    assert (await own.api.get(API))["sender"]["name"] is None


@pytest.mark.parametrize(
    ("section", "field", "typed", "says"),
    [
        ("periods and usage", "usage_grace_minutes", "99999", "This should be less than or equal to 10080."),
        ("periods and usage", "review_over", "0", "This is zero: every overage would be held."),
        ("email and support", "support_email", "ada", "This is not a mail address."),
        (
            "return addresses",
            "allowed_origins",
            "https://a.example\nhttp://b.example/x",
            "“http://b.example/x” is not an origin, such as https://app.example.com.",
        ),
        ("tax", "tax_rate_ids", "txr_none", "“txr_none” is no active tax rate of the agency's Stripe account."),
    ],
)
async def test_a_section_that_is_refused_says_why_and_keeps_what_was_typed(
    browser: Browser, own: Tenant, section: str, field: str, typed: str, says: str
) -> None:
    before = await own.api.get(API)
    page = await browser.press(await browser.open(SETTINGS), f"Save {section}", **{field: typed})
    assert page.status == 422
    assert page.wrong(field) == says
    shown = page.one(f"[name={field}]")
    assert (shown.get("value") or shown.get_text().strip()) == typed
    assert await own.api.get(API) == before


async def test_tax_by_rates_needs_rates(browser: Browser, own: Tenant) -> None:
    page = await browser.press(await browser.open(SETTINGS), "Save tax", tax_mode="rates")
    assert page.wrong("tax_rate_ids") == "Names no tax rate, and the mode is rates."
    account = (await own.api.get("/v1/agency/stripe"))["account_id"]
    rate = await own.site.ask_stripe(
        "/v1/tax_rates", account, {"display_name": "VAT", "percentage": "19", "inclusive": "false"}
    )
    await browser.press(page, "Save tax", tax_rate_ids=rate["id"])
    assert (await own.api.get(API))["tax"] == {"mode": "rates", "rate_ids": [rate["id"]]}


async def test_alert_levels_are_typed_with_commas(browser: Browser, own: Tenant) -> None:
    page = await browser.open(f"{SETTINGS}/alerts")
    assert page.one("[name=usage_alert_percents]")["value"] == "80, 100"
    saved = await browser.press(page, "Save", usage_alert_percents="50,75 100 %")
    assert "Saved." in saved.text
    assert (await own.api.get(API))["usage_alert_percents"] == [50, 75, 100]
    for typed, says in (
        ("half", "Please type whole numbers with commas between them."),
        ("80, 2000", "“2000” should be less than or equal to 1000."),
        ("80, 80", "Names one twice."),
    ):
        refused = await browser.press(page, "Save", usage_alert_percents=typed)
        assert (refused.status, refused.wrong("usage_alert_percents")) == (422, says)
    await browser.press(page, "Save", usage_alert_percents="")
    assert (await own.api.get(API))["usage_alert_percents"] == []


async def test_a_retry_policy_is_shown_saved_and_applied_to_what_runs(browser: Browser, own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    page = await browser.open(f"{SETTINGS}/retries")
    assert "7 days later, on day 15" in page.text
    assert "See what would change" not in page.text
    saved = await browser.press(page, "Save", gaps_days="2, 4", final_action="pause")
    assert (await own.api.get(API))["dunning"] == {"gaps_days": [2, 4], "final_action": "pause"}
    assert "One debt is being retried by an earlier setting." in saved.text

    asked = await browser.open(saved.link("See what would change"))
    name = (await own.api.get(f"/v1/agency/clients/{client}"))["name"]
    (row,) = asked.all("tbody tr")
    assert row.startswith(name)
    assert row.endswith("2 Service is paused until the debt is paid")
    assert (await own.live(client))["ladder"]["gaps_days"] == [3, 5, 7]
    done = await browser.press(asked, "Apply to this debt")
    assert "One debt gets its new dates within seconds." in done.text

    async def moved() -> bool:
        return bool((await own.live(client))["ladder"]["gaps_days"] == [2, 4])

    await own.eventually(moved)
    assert "No debt is being retried by another setting." in (await browser.open(f"{SETTINGS}/retries/apply")).text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Please fill this in."),
        ("3, 45", "“45” should be less than or equal to 30."),
        ("soon", "Please type whole numbers with commas between them."),
    ],
)
async def test_a_retry_policy_that_is_refused_is_kept_as_typed(
    browser: Browser, own: Tenant, typed: str, says: str
) -> None:
    page = await browser.press(await browser.open(f"{SETTINGS}/retries"), "Save", gaps_days=typed)
    assert (page.status, page.wrong("gaps_days"), page.one("[name=gaps_days]")["value"]) == (422, says, typed)
    assert (await own.api.get(API))["dunning"]["gaps_days"] == [3, 5, 7]


async def test_findings_are_words_and_resolved_ones_are_shown_on_demand(browser: Browser, own: Tenant) -> None:
    assert "Your Stripe account and our books agree." in (await browser.open(f"{SETTINGS}/findings")).text
    client = await own.client(name="Marina Hotel")
    now, account = datetime.now(UTC), (await own.api.get("/v1/agency/stripe"))["account_id"]
    for number, (kind, resolved) in enumerate((("payment_unexplained", None), ("invoice_missing", now))):
        await own.site.pool.execute(
            """
            INSERT INTO findings (id, agency_id, kind, object, account_id, client_id, ours, theirs, first_seen_at,
                                  last_seen_at, resolved_at)
            VALUES ($1, $2, $3, $4, $8, $5, 'nothing', 'ch_1 of 49.00 USD', $6, $6, $7)
            """,
            f"fnd_{own.id}_{number}",
            own.id,
            kind,
            f"in_{own.id}_{number}",
            client,
            now,
            resolved,
            account,
        )
    page = await browser.open(f"{SETTINGS}/findings")
    (row,) = page.all("tbody tr")
    assert row.startswith("Stripe has a payment that nothing explains")
    assert "Marina Hotel" in row
    everything = await browser.open(page.link("Resolved ones, too"))
    assert len(everything.all("tbody tr")) == 2
    assert "An invoice is not at Stripe Resolved" in everything.text


async def test_the_audit_trail_says_who_did_what(browser: Browser, own: Tenant) -> None:
    client = await own.subscribed(FAILS)
    await own.api.patch(API, {"timezone": "Europe/Berlin", "dunning": {"gaps_days": [2, 4]}})
    page = await browser.open(f"{SETTINGS}/audit")
    name = (await own.api.get(f"/v1/agency/clients/{client}"))["name"]
    settings, *rest = page.all("tbody tr")
    assert settings.startswith("Settings changed ")
    assert "Time zone: UTC → Europe/Berlin" in settings
    assert "Days between attempts: 3, 5, 7 → 2, 4" in settings
    assert "somebody" in settings
    assert any(row.startswith("Payment declined") and name in row and "Retainer" in row for row in rest)
    for number in range(30):
        await own.client(name=f"Client {number}")
    page = await browser.open(f"{SETTINGS}/audit")
    assert len(page.all("tbody tr")) == 25
    older = await browser.open(SETTINGS + "/audit" + page.link("Next page"))
    assert "Settings changed" in older.text
    assert older.link("First page") == f"{SETTINGS}/audit"


async def test_a_form_of_another_session_changes_nothing(browser: Browser, own: Tenant) -> None:
    before = await own.api.get(API)
    for path, button in ((SETTINGS, "Save tax"), (f"{SETTINGS}/alerts", "Save"), (f"{SETTINGS}/retries", "Save")):
        assert (await browser.press(await browser.open(path), button, csrf="")).status == 403
    assert await own.api.get(API) == before
    page = await browser.open(SETTINGS)
    page.form("Save tax")["action"] = f"{SETTINGS}/general/nothing"
    assert (await browser.press(page, "Save tax")).status == 404
