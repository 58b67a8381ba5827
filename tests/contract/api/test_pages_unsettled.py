"""Forms whose end nobody knows: they come again as they were, and under the same key they are done once."""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

import pytest
from support.http import Json, Site
from support.pages import Browser, Page, as_agency, as_client, filled
from support.tenant import FAILS, PAYS, Tenant

from api.pages.inside import Inside, Refused

CLIENTS = "/agency/clients"
Trouble = Callable[[int, str], None]
"""From now on commands are carried out, but their answers are lost, and this problem comes instead."""


@pytest.fixture
async def browser(site: Site, tenant: Tenant) -> AsyncIterator[Browser]:
    async with as_agency(site, tenant.id) as browser:
        yield browser


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Trouble:
    def begin(status: int, code: str) -> None:
        whole = Inside.send

        async def lost(self: Inside, method: str, path: str, body: Json | None = None, **how: Any) -> Json:
            await whole(self, method, path, body, **how)
            raise Refused(status, {"code": code, "detail": "Ask again with the same Idempotency-Key."})

        monkeypatch.setattr(Inside, "send", lost)

    return begin


def key_of(page: Page, button: str) -> str:
    return filled(page.form(button))["key"]


async def test_a_form_that_stripe_left_unanswered_comes_again_under_its_key(site: Site, tenant: Tenant) -> None:
    client, plan = await tenant.client(), await tenant.plan()
    async with as_agency(site, tenant.id) as browser:
        question = await browser.open(f"{CLIENTS}/{client}/assign")
        shown = await browser.press(question, "Show what that comes to", plan_id=plan, cap_amount="20.50")
        async with site.away():
            page = await browser.press(shown, "Assign Voice Pro")
        assert page.status == 503
        assert "It is not known whether this was done" in page.one("[role=alert]").text
        assert "Idempotency-Key" not in page.text
        assert key_of(page, "Assign Voice Pro") == key_of(shown, "Assign Voice Pro")
        assert page.one("[name=cap_amount]")["value"] == "20.50"
        page = await browser.press(page, "Assign Voice Pro")
    assert (page.status, page.path) == (200, f"{CLIENTS}/{client}")
    assert (await tenant.live(client))["plan"]["id"] == plan


async def test_what_was_done_before_its_answer_was_lost_is_not_done_twice(
    browser: Browser, tenant: Tenant, lose: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await tenant.client()
    form = await browser.open(f"{CLIENTS}/{client}/invoice")
    typed = {"description-1": "Set-up", "amount-1": "150", "collection": "send"}
    shown = await browser.press(form, "Show what it comes to", **typed)
    lose(503, "temporarily_unavailable")
    again = await browser.press(shown, "Issue and send it")
    assert (again.status, again.all("tfoot td")) == (503, ["$150.00"])
    monkeypatch.undo()
    page = await browser.press(again, "Issue and send it")
    assert "The invoice is made." in page.text
    (made,) = (await tenant.api.get(f"/v1/agency/clients/{client}/invoices"))["data"]
    assert page.path == f"/agency/invoices/{made['id']}"


async def test_a_client_is_not_added_twice(
    site: Site, own: Tenant, lose: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with as_agency(site, own.id) as browser:
        form = await browser.open(f"{CLIENTS}/new")
        lose(500, "internal_error")
        again = await browser.press(form, "Add the client", name="Harbor", email="a@harbor.example")
        assert (again.status, again.one("[name=name]")["value"]) == (503, "Harbor")
        monkeypatch.undo()
        page = await browser.press(again, "Add the client")
    assert page.title == "Harbor"
    assert len((await own.api.get("/v1/agency/clients"))["data"]) == 1


async def test_a_button_without_a_form_comes_again_by_itself(
    browser: Browser, tenant: Tenant, lose: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await tenant.subscribed(PAYS)
    await tenant.api.post(f"/v1/agency/clients/{client}/subscription/pause", {})
    page = await browser.open(f"{CLIENTS}/{client}")
    lose(503, "temporarily_unavailable")
    again = await browser.press(page, "Undo the pause")
    assert (again.status, again.title) == (503, "It is not known whether this was done")
    assert key_of(again, "Try again") == key_of(page, "Undo the pause")
    monkeypatch.undo()
    page = await browser.press(again, "Try again")
    assert "The pause is taken back" in page.text


async def test_pay_now_comes_again_too(
    site: Site, tenant: Tenant, lose: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await tenant.subscribed(FAILS)
    await tenant.bank(client, "pays")
    async with as_client(site, tenant.id, client) as browser:
        page = await browser.open("/portal/billing")
        lose(503, "temporarily_unavailable")
        again = await browser.press(page, "Pay now")
        assert (again.status, again.link("Leave it")) == (503, "/portal")
        monkeypatch.undo()
        assert "The payment went through. Thank you." in (await browser.press(again, "Try again")).text


async def test_the_second_press_is_told_calmly_that_the_first_is_under_way(
    browser: Browser, tenant: Tenant, lose: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await tenant.client()
    question = await browser.open(f"{CLIENTS}/{client}/card-request")
    form = await browser.open(f"{CLIENTS}/new")
    lose(409, "request_in_progress")
    page = await browser.press(question, "Mail the link")
    assert (page.status, page.path) == (200, f"{CLIENTS}/{client}")
    assert page.all(".banner.info")[0].startswith("This is being carried out")
    # Nobody knows yet where a new client will be found: the same form, sent once more, is led there.
    page = await browser.press(form, "Add the client", name="Twice", email="twice@client.example")
    assert (page.status, page.title) == (202, "This is being carried out")
    monkeypatch.undo()
    assert (await browser.press(page, "Show what came of it")).title == "Twice"


async def test_a_key_that_was_used_for_something_else_is_told_in_peoples_words(
    browser: Browser, tenant: Tenant
) -> None:
    client = await tenant.client()
    form = await browser.open(f"{CLIENTS}/{client}/invoice")
    typed = {"description-1": "Set-up", "amount-1": "150", "collection": "send"}
    shown = await browser.press(form, "Show what it comes to", **typed)
    await browser.press(shown, "Issue and send it")
    page = await browser.press(shown, "Issue and send it", **{"amount-1": "151"})
    assert "You sent this form before, with other details." in page.one("[role=alert]").text
    assert key_of(page, "Issue and send it") != key_of(shown, "Issue and send it")


@pytest.mark.parametrize("act", ["pause", "undo-pause", "card-request"])
async def test_what_is_accepted_only_is_not_told_as_done(
    browser: Browser, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    client = await tenant.subscribed(PAYS)
    if act == "undo-pause":
        await tenant.api.post(f"/v1/agency/clients/{client}/subscription/pause", {})
    pages = {"pause": "/pause", "undo-pause": "", "card-request": "/card-request"}
    page = await browser.open(f"{CLIENTS}/{client}{pages[act]}")
    (button,) = [one for one in page.all("button") if one.startswith(("Pause on", "Undo the pause", "Mail the link"))]

    async def accepted(self: Inside, *order: object, **how: object) -> Json:
        return {"status": "processing"}

    monkeypatch.setattr(Inside, "send", accepted)
    told = await browser.press(page, button)
    assert told.all(".banner.info")[0].startswith("This is being carried out")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/agency/nothing/here", HTTPStatus.NOT_FOUND),
        ("GET", "/agency/", HTTPStatus.NOT_FOUND),
        ("GET", "/portal/elsewhere", HTTPStatus.NOT_FOUND),
        ("GET", "/agency/sign-out", HTTPStatus.METHOD_NOT_ALLOWED),
        ("GET", "/portal/billing/pay", HTTPStatus.METHOD_NOT_ALLOWED),
        ("POST", "/portal/billing", HTTPStatus.METHOD_NOT_ALLOWED),
    ],
)
async def test_where_there_is_no_page_there_is_a_way_back(
    browser: Browser, method: str, path: str, status: HTTPStatus
) -> None:
    page = Page(await browser.http.request(method, path))
    assert (page.status, page.answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.answer.headers["content-security-policy"]
    assert "method" not in page.text
    assert str(page.one("main a")["href"]) == f"/{path.split('/')[1]}"
    assert ("allow" in page.answer.headers) is (status == HTTPStatus.METHOD_NOT_ALLOWED)


async def test_programs_are_answered_as_before(browser: Browser) -> None:
    for path in ("/v1/nothing", "/agencyx", "/"):
        answer = await browser.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
