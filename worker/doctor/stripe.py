"""What is reachable of Stripe: our key, and the webhook endpoints that Stripe has registered for our address."""

from collections.abc import Sequence
from typing import Final

from adapters.settings import Settings
from adapters.stripe.platform import API_VERSION, NEEDED_EVENTS, Endpoint, StripePlatform
from billing.payments import PaymentTrouble, PlatformRefused
from worker.doctor.findings import Finding, Page, Section, Verdict

PLATFORM_PATH: Final = "/webhooks/stripe"
CONNECT_PATH: Final = "/webhooks/stripe/connect"


async def key(stripe: StripePlatform, settings: Settings) -> Sequence[Finding]:
    """Whether Stripe takes our key."""
    name, mode = "Stripe", "live" if settings.livemode else "test"
    try:
        await stripe.try_key()
    except PlatformRefused:
        do = "Put in the key that Stripe's dashboard shows, with the rights that docs/deploy.md names; start again."
        return [Finding(Section.REACHABLE, name, Verdict.WRONG, "refuses our key", do, Page.STRIPE_REFUSES_OUR_KEY)]
    except PaymentTrouble as trouble:
        told = f"does not answer as it should ({type(trouble).__name__})"
        do = "Look at status.stripe.com. Nothing is lost meanwhile: steps are repeated, and webhooks are sent again."
        return [Finding(Section.REACHABLE, name, Verdict.UNSEEN, told, do, Page.STRIPE_IS_DOWN)]
    told = f"takes our key, {mode} mode, API version {API_VERSION}"
    return [Finding(Section.REACHABLE, name, Verdict.OK, told)]


async def endpoints(stripe: StripePlatform, base: str) -> Sequence[Finding]:
    """Whether Stripe sends its events to us: without them a card that was entered is never heard of."""
    try:
        known = await stripe.endpoints()
    except PaymentTrouble as trouble:
        told = f"cannot be read with this key ({type(trouble).__name__}): look in Stripe's dashboard"
        return [Finding(Section.REACHABLE, "webhooks", Verdict.NOTE, told, see=Page.WEBHOOKS_ARE_NOT_REGISTERED)]
    return [
        _endpoint(known, base + CONNECT_PATH, NEEDED_EVENTS, Verdict.WRONG),
        # What concerns the agencies comes through the other: of this one nothing is needed yet.
        _endpoint(known, base + PLATFORM_PATH, frozenset(), Verdict.NOTE),
    ]


def _endpoint(known: Sequence[Endpoint], url: str, needed: frozenset[str], missing: Verdict) -> Finding:
    name, see = "webhooks", Page.WEBHOOKS_ARE_NOT_REGISTERED
    ours = [endpoint for endpoint in known if endpoint.url.rstrip("/") == url]
    if not ours:
        do = "Register it in Stripe's dashboard, and put its secret into the settings."
        return Finding(Section.REACHABLE, name, missing, f"none is registered for {url}", do, see)
    if not any(endpoint.enabled for endpoint in ours):
        do = "Switch it on in Stripe's dashboard, and have the events of the last days sent again."
        return Finding(Section.REACHABLE, name, missing, f"{url} is switched off", do, see)
    lacking = min((endpoint.lacks(needed) for endpoint in ours if endpoint.enabled), key=len)
    if lacking:
        do = "Add these events to the endpoint in Stripe's dashboard."
        return Finding(Section.REACHABLE, name, missing, f"{url} lacks {', '.join(sorted(lacking))}", do, see)
    return Finding(Section.REACHABLE, name, Verdict.OK, f"{url} is registered, with the events that we need")
