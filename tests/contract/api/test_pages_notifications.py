"""What the agency is told on its pages: the messages, read and unread."""

from support.http import Site
from support.pages import as_agency
from support.tenant import FAILS, Tenant

MESSAGES = "/agency/notifications"


async def test_messages_are_read_one_by_one_and_all(own: Tenant, site: Site) -> None:
    first, second = await own.subscribed(FAILS), await own.subscribed(FAILS)
    invoice = await own.invoice(first)
    async with as_agency(site, own.id) as browser:
        page = await browser.open(MESSAGES)
        assert [one["href"] for one in page.html.select(".timeline strong + a")] == [
            f"/agency/clients/{client}" for client in (second, first)
        ]
        assert f"/agency/invoices/{invoice['id']}" in [one["href"] for one in page.html.select(".timeline a")]
        assert "The card was declined. Next date:" in page.text
        assert " UTC." in page.text  # the agency's own zone
        assert page.all(".count") == ["2 unread"]

        page = await browser.press(await browser.open(page.link("Unread (2)")), "Mark as read : Payment failed")
        assert (page.path, len(page.all(".timeline li"))) == (f"{MESSAGES}?unread=true", 1)
        page = await browser.press(page, "Mark all as read")
        assert "1 message is marked as read." in page.text
        assert "Everything is read." in page.text
        assert not page.has_button("Mark all as read")
        assert (await own.api.get("/v1/agency/notifications", unread="true"))["data"] == []


async def test_nothing_has_happened_and_nothing_is_another_agencys(own: Tenant, bystander: Tenant, site: Site) -> None:
    await own.subscribed(FAILS)
    (told,) = (await own.api.get("/v1/agency/notifications"))["data"]
    async with as_agency(site, bystander.id) as browser:
        page = await browser.open(MESSAGES)
        assert "Nothing has happened yet." in page.text
        csrf = str(page.html.select("[name=csrf]")[0]["value"])
        assert (await browser.http.post(f"{MESSAGES}/{told['id']}/read", data={"csrf": csrf})).status_code == 404
        assert (await browser.http.post(f"{MESSAGES}/read-all", data={"csrf": "x"})).status_code == 403
    assert (await own.api.get("/v1/agency/notifications", unread="true"))["data"] == [told]
