"""The sandbox's bar as a visitor without scripts uses it: a card fails, 3, 5, 7 days, past due, and it recovers."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from support.pages import Browser, Page
from support.servers import Eventually
from support.stage import Stage

from sandbox.sight import client_seen

PAYS: Final = "5555555555554444"
PATIENCE_SECONDS: Final = 90
"""Of a visitor on a busy machine."""


@contextlib.asynccontextmanager
async def visitor(stage: Stage, link: str = "") -> AsyncIterator[tuple[Browser, Page]]:
    """A browser on this origin, and where the control port's link has led it."""
    api, control = stage.sandbox.url("api"), stage.sandbox.url("control")
    async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, follow_redirects=True, timeout=90) as http:
        browser = Browser(http)
        yield browser, await browser.open(f"{control}{link}")


async def back(browser: Browser, page: Page, eventually: Eventually) -> Page:
    """The page to which the bar leads back, also when the time machine was at work for long."""

    async def arrived() -> Page | None:
        now = await browser.open(page.path) if page.path.startswith("/sandbox/errands/") else page
        return None if now.path.startswith("/sandbox/errands/") else now

    return await eventually(arrived, seconds=PATIENCE_SECONDS)


def news(page: Page) -> str:
    return page.all(".sandbox-news")[0] if page.html.select(".sandbox-news") else ""


async def test_a_visitor_sees_a_card_fail_and_recover(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe()
    async with visitor(stage, f"/login/client/{client.id}") as (browser, page):

        async def press(button: str, **fields: str) -> Page:
            return await back(browser, await browser.press(page, button, **fields), eventually)

        assert (page.path, news(page)) == ("/portal/billing", "")
        page = await press("Set", behaviour="insufficient_funds")
        assert news(page) == "From now on the card on file has insufficient funds. No time has passed."
        assert page.one("#sandbox-behaviour option[selected]")["value"] == "insufficient_funds"

        for attempts_left in ("3 attempts are left", "2 attempts are left", "for the last time"):
            page = await press("To next event")
            assert attempts_left in page.all(".banner")[0]
            assert "declined: insufficient funds" in news(page)
        assert page.all("#sandbox-next")[0].endswith("retry 3 of 3")
        page = await press("To next event")
        assert "is past due" in page.all(".banner")[0]

        page = await press("Enter", number=PAYS)
        assert (page.all(".banner"), "mastercard 4444 attempt 5 paid: recovered" in news(page)) == ([], True)
        assert news(await browser.open("/portal/billing")) == "", "it is told once"


async def test_a_bank_that_takes_days_answers_at_last(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe(behaviour="processing")
    async with visitor(stage, f"/login/client/{client.id}") as (browser, page):
        assert "is being checked" in page.all(".banner")[0]
        assert page.one("#sandbox-behaviour option[selected]")["value"] == "processing"
        page = await back(browser, await browser.press(page, "Failed"), eventually)
        assert "Your payment of $49.00 failed" in page.all(".banner")[0]
        assert (news(page).startswith("The bank has answered."), page.has_button("Failed")) == (True, False)

        await browser.press(page, "Pay now")
        page = await browser.open("/portal/billing")
        assert "is being checked" in page.all(".banner")[0]
        page = await back(browser, await browser.press(page, "Paid"), eventually)
        assert (page.all(".banner"), page.has_button("Paid")) == ([], False)


async def test_the_agency_moves_time_and_sees_what_happened(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe()
    async with visitor(stage, f"/login/agency/{stage.agency_id}") as (browser, page):
        assert page.path == "/agency"
        before = stage.now()
        page = await back(browser, await browser.press(page, "+1 month"), eventually)
        assert (stage.now() - before).days in (28, 29, 30, 31)
        assert (page.path, news(page).endswith("Nothing happened here meanwhile.")) == ("/agency", True)
        page = await back(browser, await browser.press(page, "+1 day"), eventually)
        assert "attempt 1 paid" in news(page), "its period was closed an hour after the month"

        page = await browser.open(f"/agency/clients/{client.id}")
        assert page.one("#sandbox-behaviour option[selected]")["value"] == "pays"
        name = (await client_seen(stage.sandbox, client.id))["name"]
        portal = await browser.open(page.link(f"As {name}: the billing page"))
        assert portal.path == "/portal/billing"
        assert (await browser.open(portal.link("As Bright Voice: the dashboard"))).path == "/agency"


async def test_while_the_time_machine_is_at_work_a_page_says_so(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe()
    fault = {"call": "invoices.pay", "fault": "delay", "seconds": 4}
    async with visitor(stage, f"/login/client/{client.id}") as (browser, page):
        await stage.control.post("/faults", fault)
        waiting = await browser.press(page, "To next event")
        assert (waiting.title, waiting.one("meta[http-equiv=refresh]")["content"]) == (
            "The time machine is at work …",
            "1",
        )
        page = await back(browser, waiting, eventually)
        assert (page.path, "attempt 1 paid" in news(page)) == ("/portal/billing", True)
        assert (await browser.open("/sandbox/errands/unknown")).status == 404


async def test_what_stripe_refuses_is_said(stage: Stage, eventually: Eventually) -> None:
    client = await stage.subscribe(card=None)
    async with visitor(stage, f"/login/client/{client.id}") as (browser, page):
        page = await back(browser, await browser.press(page, "Enter", number="4000000000000002"), eventually)
        assert news(page) == "Stripe's page refused the card: Your card was declined."
        assert page.one(".sandbox-news")["class"] == ["sandbox-news", "bad"]
        assert page.link("Mail to " + (await client_seen(stage.sandbox, client.id))["name"])


async def test_only_a_form_of_our_own_pages_moves_time(stage: Stage) -> None:
    before = stage.sandbox.home.offset()
    form = {"by": "day", "back": "https://evil.example/"}
    async with httpx.AsyncClient(base_url=stage.sandbox.url("api")) as http:
        for headers in ({}, {"Origin": "https://evil.example"}):
            answer = await http.post("/sandbox/advance", data=form, headers=headers)
            assert (answer.status_code, "not from a page of the sandbox" in answer.text) == (403, True)
        assert stage.sandbox.home.offset() == before
        own = await http.post("/sandbox/behaviour", data=form, headers={"Origin": stage.sandbox.url("api")})
    assert own.headers["location"] == stage.sandbox.url("control"), "and never leads elsewhere"


async def test_caught_mail_is_read_in_a_frame_that_can_do_nothing(stage: Stage) -> None:
    client = await stage.subscribe()
    async with visitor(stage, f"/login/client/{client.id}") as (browser, page):
        name = (await client_seen(stage.sandbox, client.id))["name"]
        listed = await browser.open(page.link(f"Mail to {name}"))
        assert listed.all("tbody th") == ["Your receipt from Bright Voice", "Your invoice from Bright Voice"]
        assert listed.link("Back to the page") == "/portal/billing"
        mail = await browser.open(listed.link("Your receipt from Bright Voice"))
        frame = mail.one("iframe")
        assert frame["sandbox"] == ["allow-popups", "allow-popups-to-escape-sandbox"]
        framed = await browser.open(str(frame["src"]))
        assert framed.answer.headers["content-security-policy"].startswith("sandbox allow-popups ")
        assert "script-src" not in framed.answer.headers["content-security-policy"]
        assert "Your payment has arrived" in framed.text
        assert (await browser.open("/sandbox/mail/dlv_of_nobody")).status == 404


async def test_each_click_on_a_log_in_link_makes_a_fresh_token(stage: Stage) -> None:
    client = await stage.subscribe()
    async with httpx.AsyncClient(base_url=stage.sandbox.url("control")) as http:
        listed = Page(await http.get("/"))
        link = listed.link((await client_seen(stage.sandbox, client.id))["name"])
        assert link == f"/login/client/{client.id}"
        assert f"/login/agency/{stage.agency_id}" in [one["href"] for one in listed.html.select("a")]
        tokens = [_token((await http.get(link)).headers["location"]) for _ in range(2)]
        claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
        assert claims[0]["jti"] != claims[1]["jti"]
        assert [one["exp"] - one["iat"] for one in claims] == [60, 60]
        assert (claims[0]["role"], claims[0]["client_id"], claims[0]["permissions"]) == (
            "client",
            client.id,
            ["manage_billing"],
        )
        for nobody in ("/login/client/clt_of_nobody", "/login/agency/agc_of_nobody", "/login/client/%00"):
            told = Page(await http.get(nobody))
            assert (told.status, told.title) == (404, "There is nothing here")


def _token(location: str) -> str:
    return parse_qs(urlsplit(location).query)["token"][0]


async def test_who_is_signed_out_finds_the_way_back(stage: Stage) -> None:
    async with visitor(stage) as (browser, _):
        page = await browser.open("/portal/billing")
        assert (page.status, page.link("Sign in again")) == (401, stage.sandbox.url("control"))
        assert page.has_button("+1 day")


async def test_the_clock_tells_what_comes_next(stage: Stage) -> None:
    client = await stage.subscribe()
    told = await stage.control.get("/clock", client_id=client.id)
    schedule = (await stage.agency.get(f"{client.path}/schedule"))["data"]
    name = (await client_seen(stage.sandbox, client.id))["name"]
    assert told["next"] == {
        "at": schedule[0]["at"],
        "client_id": client.id,
        "client": name,
        "what": "period 1 closes, an invoice is issued",
    }
    assert (await stage.control.get("/clock", agency_id=stage.agency_id))["next"] == told["next"]
    assert (await stage.control.get("/clock", agency_id="agc_of_nobody"))["next"] is None
    assert (await stage.control.get("/clock"))["next"]["at"] <= told["next"]["at"]


async def test_nothing_is_told_under_another_sites_name(stage: Stage) -> None:
    api, control = stage.sandbox.url("api"), stage.sandbox.url("control")
    async with httpx.AsyncClient(headers={"Host": "evil.example"}) as http:
        for address in (f"{api}/sandbox/mail", f"{control}/", f"{control}/clients", f"{control}/mail"):
            assert (await http.get(address)).status_code == 403, address
        assert (await http.post(f"{control}/tokens", json={"role": "platform"})).status_code == 403
