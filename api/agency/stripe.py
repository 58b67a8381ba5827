"""The agency's own Stripe account: onboarding on Stripe's pages, and how it stands."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from fastapi import Request

from adapters.links import consents_of
from adapters.postgres import accounts, agencies, connecting
from adapters.postgres.agencies import Account, Agency
from adapters.postgres.connecting import OAuthLink
from adapters.postgres.pool import transaction
from api import fields
from api.conflicts import conflict
from api.fields import Answer, WebAddress
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.oauth import CALLBACK
from api.openapi import conflicts, example, refusals
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import agency_router, own_agency
from billing.payments import PaymentTrouble

router = agency_router("Stripe account", "/stripe")
_CONSENT_HOLDS: Final = timedelta(minutes=10)


class OnboardingIn(
    fields.Request,
    json_schema_extra=example(
        return_url="https://app.example.com/stripe", refresh_url="https://app.example.com/stripe/again"
    ),
):
    """Where Stripe sends the browser afterwards, and when its link has expired."""

    return_url: WebAddress
    refresh_url: WebAddress


class LinkOut(
    Answer,
    json_schema_extra=example(url="https://connect.stripe.com/setup/e/acct_1/x", expires_at="2026-11-23T15:05:00Z"),
):
    """A page of Stripe's, for one use."""

    url: str
    expires_at: datetime


class AccountOut(
    Answer,
    json_schema_extra=example(
        account_id="acct_1Nv0FGQ9RKHgCVdK",
        state="active",
        charges_enabled=True,
        payouts_enabled=True,
        card_payments="active",
        requirements=[],
    ),
):
    """`requirements` are what Stripe still wants to know, in its words."""

    account_id: str | None
    state: Literal["not_connected", "onboarding", "active", "restricted", "disconnected"]
    charges_enabled: bool
    payouts_enabled: bool
    card_payments: Literal["active", "inactive", "pending"]
    requirements: list[str]


_NONE = AccountOut(
    account_id=None,
    state="not_connected",
    charges_enabled=False,
    payouts_enabled=False,
    card_payments="inactive",
    requirements=[],
)


@router.post(
    "/onboarding-links",
    summary="A link to Stripe's onboarding",
    status_code=201,
    responses=refusals(422, "country_not_supported"),
)
async def onboard(body: OnboardingIn, services: Used, caller: Calling, request: Request) -> LinkOut:
    """Creates the connected account with the first link."""
    agency = await own_agency(services, caller)
    account = await _account_id(services, agency)
    link = await services.directory.account_link(
        agency.id, seed(request), account=account, return_url=body.return_url, refresh_url=body.refresh_url
    )
    return LinkOut(url=link.url, expires_at=link.expires_at)


class ExistingIn(fields.Request, json_schema_extra=example(return_url="https://app.example.com/stripe")):
    """Where the browser is sent in the end, with `stripe` = connected or error in its query."""

    return_url: WebAddress


@router.post(
    "/oauth-links",
    summary="A link to connect an account that exists",
    status_code=201,
    responses=conflicts("oauth_not_available"),
)
async def connect_existing(body: ExistingIn, services: Used, caller: Calling, request: Request) -> LinkOut:
    """Leads to Stripe's consent page, on which the owner of an account lets the platform in; once, within minutes."""
    agency = await own_agency(services, caller)
    if services.oauth is None:
        raise conflict("oauth_not_available")
    now = datetime.now(UTC)
    link = OAuthLink(made_id("oau", seed(request)), agency.id, body.return_url)
    await connecting.open_link(services.database, link, now)
    ends_at = now + _CONSENT_HOLDS
    state = consents_of(services.settings).sign(link.id, ends_at)
    page = services.oauth.consent_page(state, f"{services.settings.public_base_url}{CALLBACK}")
    return LinkOut(url=page, expires_at=ends_at)


async def _account_id(services: Services, agency: Agency) -> str:
    """The account's id at Stripe. Its row comes first, so that a crash in between makes no second account."""
    now = services.clock.now()
    known = await agencies.account(services.database, agency.id)
    if known and known.account_id and known.state != "disconnected":
        return known.account_id
    if await services.directory.country(agency.country, now) is None:
        raise InvalidFields(("country", "Stripe does not serve this country"), code="country_not_supported")
    async with transaction(services.database) as connection:
        account = await agencies.begin_account(connection, agency.id, now)
    if account.account_id:
        return account.account_id
    made = await services.directory.create_account(agency.id, account.number, country=agency.country, name=agency.name)
    await agencies.name_account(services.database, agency.id, account.number, made, now)
    return made


@router.get("", summary="How the Stripe account stands")
async def read(services: Used, caller: Calling) -> AccountOut:
    """Asks Stripe; while it is away, what it last said."""
    await own_agency(services, caller)
    account = await agencies.account(services.database, caller.agency)
    if account is None:
        return _NONE
    try:
        await refresh(services, account)
    except PaymentTrouble:
        return _out(account)
    return _out(await agencies.account(services.database, caller.agency) or account)


async def refresh(services: Services, account: Account) -> None:
    """Take over the account's health from Stripe. Raises PaymentTrouble."""
    if account.account_id and account.state != "disconnected":
        reading = await services.payments.read_account(account.account_id)
        async with transaction(services.database) as connection:
            await accounts.mirror_account(connection, reading, services.clock.now())


def _out(account: Account) -> AccountOut:
    return AccountOut(
        account_id=account.account_id,
        state=account.state,
        charges_enabled=account.charges_enabled,
        payouts_enabled=account.payouts_enabled,
        card_payments=account.card_payments,
        requirements=list(account.requirements),
    )
