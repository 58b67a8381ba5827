"""Where Stripe's consent page sends an account's owner back to: the account becomes the agency's (stripe.md)."""

import logging
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from adapters.links import LinkRefused, consents_of
from adapters.postgres import connecting
from adapters.postgres.connecting import AdoptionRefused, OAuthLink
from adapters.stripe.oauth import StripeOAuth
from adapters.telemetry.context import bind
from api.openapi import refusals
from api.problems import Unreadable
from api.services import Services, Used
from billing.payments import PaymentTrouble, Refused

CALLBACK: Final = "/stripe/oauth/callback"
router = APIRouter(tags=["Stripe account"])
log = logging.getLogger(__name__)

Text = Annotated[str, Query(max_length=2000)]


@router.get(
    CALLBACK,
    summary="Back from Stripe's consent page",
    status_code=303,
    response_class=RedirectResponse,
    responses={
        303: {"description": "To the link's return_url, with `stripe` = connected, or `error` and why"},
        **refusals(400, "bad_state"),
    },
)
async def callback(services: Used, state: Text = "", code: Text = "", error: Text = "") -> Response:
    """Registered at Stripe as the platform's redirect address. `state` is signed, good once and for ten minutes.

    `reason` is `access_denied`, `code_refused`, `account_taken`, `account_connected` or `stripe_away`.
    """
    now = datetime.now(UTC)
    link = await _link(services, state, now)
    if link is None or services.oauth is None:
        raise Unreadable("The link is not known, was used, or is over. Ask for a new one.", code="bad_state")
    bind(agency=link.agency_id)
    reason = "access_denied" if error or not code else await _connect(services, services.oauth, link, code)
    return RedirectResponse(_back(link.return_url, reason), 303, {"Referrer-Policy": "no-referrer"})


async def _link(services: Services, state: str, now: datetime) -> OAuthLink | None:
    try:
        known = consents_of(services.settings).read(state, now)
    except LinkRefused:
        return None
    return await connecting.use_link(services.database, known, now)


async def _connect(services: Services, oauth: StripeOAuth, link: OAuthLink, code: str) -> str | None:
    """Why it did not come to a connected account; none when it did."""
    try:
        account = await oauth.account_of(link.agency_id, link.id, code)
        reading = await services.payments.read_account(account)
        await connecting.adopt(services.database, link.agency_id, reading, services.clock.now())
    except AdoptionRefused as refused:
        return refused.why
    except Refused as refused:
        log.info("a code of OAuth was refused: %s", refused)
        return "code_refused"
    except PaymentTrouble as trouble:
        log.warning("an account could not be connected: %s", trouble)
        return "stripe_away"
    return None


def _back(return_url: str, reason: str | None) -> str:
    parts = urlsplit(return_url)
    told = {"stripe": "error", "reason": reason} if reason else {"stripe": "connected"}
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *told.items()])
    return urlunsplit(parts._replace(query=query))
