"""In production there is neither the sandbox's bar nor any of its routes: nothing puts them into the application."""

import httpx
from support.http import Site
from support.pages import as_agency, as_client
from support.tenant import Tenant


async def test_there_is_nothing_under_sandbox(site: Site) -> None:
    paths = ("mail", "mail/dlv_1", "mail/dlv_1/html", "errands/1", "static/0/bar.css", "advance", "card", "behaviour")
    async with httpx.AsyncClient(base_url=site.base, headers={"Origin": site.base}, timeout=30) as http:
        for path in paths:
            assert (await http.get(f"/sandbox/{path}")).status_code == 404
            assert (await http.post(f"/sandbox/{path}", data={"by": "day"})).status_code == 404


async def test_no_page_has_a_bar(site: Site, tenant: Tenant) -> None:
    client = await tenant.client()
    await tenant.assign(client, start="first_card")
    async with as_agency(site, tenant.id) as agency, as_client(site, tenant.id, client) as portal:
        pages = [await agency.open("/agency"), await portal.open("/portal/billing"), await portal.open("/agency")]
    assert [page.status for page in pages] == [200, 200, 401]
    assert [page.html.select(".sandbox-bar, [href*='/sandbox/'], [src*='/sandbox/']") for page in pages] == [[]] * 3
