"""The pages that Stripe hosts: a card, an invoice, an account, consent. Plain HTML, no scripts."""

from starlette.routing import BaseRoute

from sandbox.stripe.pages.checkout import CheckoutPage
from sandbox.stripe.pages.consent import ConsentPage
from sandbox.stripe.pages.invoice import InvoicePage
from sandbox.stripe.pages.onboarding import OnboardingPage
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site


def page_routes(site: Site, webhooks: Webhooks, api_key: str) -> list[BaseRoute]:
    """Every hosted page."""
    return [
        *CheckoutPage(site, webhooks).routes(),
        *InvoicePage(site, webhooks).routes(),
        *OnboardingPage(site, webhooks).routes(),
        *ConsentPage(site, webhooks, api_key).routes(),
    ]
