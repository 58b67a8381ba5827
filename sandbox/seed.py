"""What a sandbox holds from the beginning: one agency, ready to sell, with a plan and a client, made over HTTP."""

from collections.abc import Mapping
from datetime import timedelta

from api.tokens import MANAGE_BILLING, Role, issue
from api.tokens import Caller as Identity
from sandbox.caller import Caller
from sandbox.stack import Sandbox

TOKEN_LIFETIME = timedelta(days=30)
AGENCY = {
    "name": "Bright Voice",
    "country": "US",
    "timezone": "America/New_York",
    "tier": "growth",
    "default_currency": "usd",
}
PLAN = {
    "name": "Voice Pro",
    "tier": "pro",
    "price": {"amount": 4900, "currency": "usd"},
    "included_minutes": 500,
    "overage_rate": {"amount_decimal": "12.5", "currency": "usd", "per": "minute"},
}
CLIENT = {"name": "Cedar Dental", "email": "accounts@cedar-dental.example", "external_id": "cedar-dental"}


def make_token(sandbox: Sandbox, role: Role, ids: Mapping[str, str]) -> str:
    """A token of 30 days: of the agency and, for clients with all permissions, of the client in `ids`."""
    tenant = "" if role is Role.PLATFORM else ids["agency"]
    client, permissions = (ids["client"], frozenset({MANAGE_BILLING})) if role is Role.CLIENT else ("", frozenset())
    return issue(sandbox.settings, Identity(role, "sandbox", tenant, client, permissions), TOKEN_LIFETIME)


def make_tokens(sandbox: Sandbox) -> dict[str, str]:
    return {role.value: make_token(sandbox, role, sandbox.kept.ids) for role in Role}


async def seed(sandbox: Sandbox) -> None:
    """Make what is missing; a folder that was seeded before stays as it is."""
    if sandbox.kept.ids:
        return
    agency = await make_agency(sandbox, AGENCY)
    async with Caller(sandbox.url("api"), make_token(sandbox, Role.AGENCY, {"agency": agency})) as caller:
        plan = await caller.post("/v1/agency/plans", PLAN)
        client = await caller.post("/v1/agency/clients", CLIENT)
    sandbox.kept.ids.update(agency=agency, plan=plan["id"], client=client["id"])
    sandbox.home.keep(sandbox.kept)


async def make_agency(sandbox: Sandbox, details: Mapping[str, str]) -> str:
    """An agency that has onboarded on Stripe's page, and can charge; answers its id."""
    api = sandbox.url("api")
    async with Caller(api, make_token(sandbox, Role.PLATFORM, {})) as platform:
        agency: str = (await platform.post("/v1/agencies", details))["id"]
    async with Caller(api, make_token(sandbox, Role.AGENCY, {"agency": agency})) as caller:
        pages = {"return_url": f"{api}/agency", "refresh_url": f"{api}/agency"}
        link = await caller.post("/v1/agency/stripe/onboarding-links", pages)
        await sandbox.emulator.onboard(link["url"])
        await caller.get("/v1/agency/stripe")
    return agency
