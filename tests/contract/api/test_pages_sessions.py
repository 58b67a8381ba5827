"""Signing in to the pages by a hand-over, and what a session allows, refuses and leaves behind."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import jwt
import pytest
from support.http import Site, running_site
from support.pages import Page, as_agency, as_client, filled, signed_in
from support.servers import StripeServer
from support.tenant import Tenant

from adapters.postgres import sessions
from api.tokens import MANAGE_BILLING, Role

NOBODY = "127.0.0.1:1"
PORTAL, DASHBOARD = "/portal/billing", "/agency"


def hand_over(site: Site, tenant: Tenant, **claims: object) -> str:
    """A token as the platform makes it, with some claims otherwise; those that are None are left out."""
    secret = site.settings.jwt_secret
    assert secret
    now = int(time.time())
    said = {
        "iss": site.settings.jwt_issuer,
        "aud": "retainer",
        "sub": "ada",
        "iat": now,
        "exp": now + 60,
        "jti": uuid4().hex,
        "role": "agency",
        "agency_id": tenant.id,
        **claims,
    }
    return jwt.encode({name: value for name, value in said.items() if value is not None}, secret.get_secret_value())


async def with_cookie(site: Site, name: str, secret: str) -> int:
    """The status of the dashboard for who has this cookie."""
    async with httpx.AsyncClient(base_url=site.base, cookies={name: secret}) as http:
        return (await http.get(DASHBOARD)).status_code


async def login(site: Site, token: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=site.base) as http:
        return await http.get("/login", params={"token": token})


async def test_a_hand_over_signs_in_and_leaves_its_token_behind(site: Site, bystander: Tenant) -> None:
    answer = await login(site, hand_over(site, bystander))
    assert (answer.status_code, answer.headers["location"]) == (303, "/agency")
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    client = await bystander.client()
    answer = await login(site, hand_over(site, bystander, role="client", client_id=client))
    assert answer.headers["location"] == "/portal"


async def test_a_hand_over_signs_in_once(site: Site, bystander: Tenant) -> None:
    token = hand_over(site, bystander)
    assert (await login(site, token)).status_code == 303
    again = await login(site, token)
    assert again.status_code == 401
    assert "used before" in Page(again).text
    assert "set-cookie" not in again.headers


async def test_one_hand_over_stays_used_after_signing_out(site: Site, bystander: Tenant) -> None:
    token = hand_over(site, bystander)
    async with httpx.AsyncClient(base_url=site.base, follow_redirects=True) as http:
        page = Page(await http.get("/login", params={"token": token}))
        await http.post("/agency/sign-out", data=filled(page.form("Sign out")))
    assert (await login(site, token)).status_code == 401


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iat": int(time.time()) - 3600, "exp": int(time.time()) + 3600}, "too old"),
        ({"iat": None}, "too old"),
        ({"iat": int(time.time()) + 3600}, "not valid"),
        ({"jti": None}, "no id"),
        ({"jti": ""}, "no id"),
        ({"jti": "x" * 201}, "no id"),
        ({"jti": 7}, "not valid"),
        ({"exp": int(time.time()) - 1}, "expired"),
        ({"aud": "elsewhere"}, "not valid"),
        ({"iss": "somebody"}, "not valid"),
        ({"role": "king"}, "does not say who"),
        ({"agency_id": "agc_none"}, "not there"),
        ({"role": "client", "client_id": "cli_none"}, "not there"),
    ],
)
async def test_what_hands_nobody_over(site: Site, bystander: Tenant, claims: dict[str, object], why: str) -> None:
    answer = await login(site, hand_over(site, bystander, **claims))
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    page = Page(answer)
    assert page.title == "This link does not sign in any more"
    assert why in page.text


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 20, "x" * 9000])
async def test_no_token_is_no_hand_over(site: Site, token: str) -> None:
    answer = await login(site, token)
    assert answer.status_code == 401
    assert Page(answer).title == "This link does not sign in any more"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/login", 405), ("GET", "/sandbox/advance", 404)]
)
async def test_beside_the_sections_people_are_told_in_words(site: Site, method: str, path: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=site.base, headers={"Accept": "text/html,*/*;q=0.8"}) as http:
        page = Page(await http.request(method, path))
    assert page.status == status
    assert page.title.startswith("There is nothing")


@pytest.mark.parametrize("role", ["platform", "service"])
async def test_who_has_no_pages_is_told_so(site: Site, bystander: Tenant, role: str) -> None:
    answer = await login(site, hand_over(site, bystander, role=role))
    assert answer.status_code == 403
    assert "for agencies and for clients" in Page(answer).text


async def test_nobody_is_signed_in_without_a_cookie(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.base) as http:
        for path in (PORTAL, DASHBOARD):
            answer = await http.get(path)
            assert answer.status_code == 401
            assert Page(answer).title == "You are signed out"


async def test_one_browser_is_both_an_agency_and_a_client(site: Site, tenant: Tenant) -> None:
    client = await tenant.client()
    async with as_agency(site, tenant.id) as browser:
        token = site.token(Role.CLIENT, tenant.id, client, MANAGE_BILLING)
        assert (await browser.open(f"/login?token={token}")).path == PORTAL
        assert (await browser.open(DASHBOARD)).status == 200


async def test_the_cookie_of_one_role_opens_no_page_of_another(site: Site, tenant: Tenant) -> None:
    async with as_client(site, tenant.id, await tenant.client()) as browser:
        secret = browser.http.cookies["retainer-client"]
        assert await with_cookie(site, "retainer-agency", secret) == 401


async def test_signing_out_ends_the_session_for_whoever_has_the_cookie(site: Site, bystander: Tenant) -> None:
    async with as_agency(site, bystander.id) as browser:
        page = await browser.open(DASHBOARD)
        secret = browser.http.cookies["retainer-agency"]
        out = await browser.press(page, "Sign out")
        assert (out.title, out.status) == ("You are signed out", 200)
        assert "has ended, as you asked" in out.text
        assert "eight hours" not in out.text
        assert await with_cookie(site, "retainer-agency", secret) == 401


async def test_a_session_that_has_ended_is_told_kindly(site: Site, bystander: Tenant) -> None:
    async with as_agency(site, bystander.id) as browser:
        await site.pool.execute("UPDATE browser_sessions SET ends_at = now() WHERE agency_id = $1", bystander.id)
        page = await browser.open(DASHBOARD)
        assert page.status == 401
        assert "eight hours" in page.text
        assert "open the dashboard again" in page.text


async def test_sessions_that_have_ended_are_forgotten_on_the_way(site: Site, bystander: Tenant) -> None:
    now = datetime.now(UTC)
    ended = now - timedelta(hours=2)
    old = sessions.Session("old", "old", "agency", "ada", bystander.id, None, [], ended - timedelta(hours=8), ended)
    await sessions.open_session(site.pool, old)
    await login(site, hand_over(site, bystander))
    assert await site.pool.fetchval("SELECT count(*) FROM browser_sessions WHERE id = 'old'") == 0


async def test_a_form_from_elsewhere_changes_nothing(site: Site, bystander: Tenant) -> None:
    async with as_agency(site, bystander.id) as browser, as_agency(site, bystander.id) as other:
        foreign = filled((await other.open(DASHBOARD)).form("Sign out"))
        for form in ({"csrf": ""}, {"csrf": "é"}, foreign):
            answer = await browser.http.post("/agency/sign-out", data=form)
            assert answer.status_code == 403
        own = filled((await browser.open(DASHBOARD)).form("Sign out"))
        assert (await browser.http.post("/agency/sign-out", json=own)).status_code == 415
        many = [("a", "b")] * 600
        content = "&".join("=".join(pair) for pair in many)
        kind = {"content-type": "application/x-www-form-urlencoded"}
        assert (await browser.http.post("/agency/sign-out", content=content, headers=kind)).status_code == 400
        assert (await browser.http.post("/agency/sign-out", content="a" * 70_000, headers=kind)).status_code == 413
        assert (await browser.open(DASHBOARD)).status == 200


async def test_over_tls_only_we_set_our_cookies_and_no_page_comes_without_it(
    site: Site, stripe_server: StripeServer, bystander: Tenant
) -> None:
    assert "strict-transport-security" not in (await login(site, "")).headers
    database = site.settings.database_url.get_secret_value()
    async with running_site(database, stripe_server, NOBODY, public_base_url="https://billing.example.com") as secure:
        answer = await login(secure, secure.token(Role.AGENCY, bystander.id))
        session = answer.headers["set-cookie"].partition(";")[0]
        assert session.startswith("__Host-retainer-agency=")
        async with httpx.AsyncClient(base_url=secure.base, headers={"Cookie": session}) as http:
            page = Page(await http.get("/agency/notifications"))
            form = {"csrf": str(page.html.select("[name=csrf]")[0]["value"]), "key": "once"}
            told = await http.post("/agency/notifications/read-all", data=form)
        for set_cookie in (answer, told, page.answer):
            name, *how = set_cookie.headers["set-cookie"].lower().split("; ")
            assert name.startswith("__host-retainer-")
            assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(how)
            assert set_cookie.headers["strict-transport-security"] == "max-age=31536000"


async def test_every_page_may_use_nothing_but_itself(site: Site, tenant: Tenant) -> None:
    async with as_client(site, tenant.id, await tenant.client()) as browser:
        answers = [(await browser.open(path)).answer for path in (PORTAL, "/portal/billing/invoices/inv_none")]
        answers.append(await browser.http.get("/login", params={"token": "x"}))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        html = Page(answer).html
        assert html.select("style, [style], script:not([src]), [onclick], [onsubmit]") == []
        loaded = [*(one["src"] for one in html.select("[src]")), *(one["href"] for one in html.select("link"))]
        assert all(str(address).startswith("/static/") for address in loaded)


async def test_assets_are_kept_by_browsers_and_nothing_else_is_served(site: Site, tenant: Tenant) -> None:
    async with as_agency(site, tenant.id) as browser:
        page = await browser.open(DASHBOARD)
        for address in [str(one["href"]) for one in page.html.select("link")]:
            answer = await browser.http.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        for name in ("none.css", "..%2f__init__.py", "shell.html", "..css", "%00.css"):
            assert (await browser.http.get(f"/static/x/{name}")).status_code == 404


async def test_a_refused_page_says_who_can_help(site: Site, own: Tenant) -> None:
    await own.api.patch(
        "/v1/agency/settings", {"support": {"email": "help@bright.example", "phone": None, "url": None}}
    )
    client = await own.client()
    async with signed_in(site, Role.CLIENT, own.id, client) as browser:
        page = await browser.open(PORTAL)
        assert page.status == 403
        assert page.title == "Billing is not open to you"
        assert "permission to manage billing" in page.text
        assert "help@bright.example" in page.text
        assert page.all("nav[aria-label=Sections] a") == []
