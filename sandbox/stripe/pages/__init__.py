"""The pages that Stripe hosts: typing a card, paying an invoice, finishing an account. Plain HTML, no scripts."""

from starlette.routing import BaseRoute

from sandbox.stripe.pages.checkout import CheckoutPage
from sandbox.stripe.pages.invoice import InvoicePage
from sandbox.stripe.pages.onboarding import OnboardingPage
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site


def page_routes(site: Site, webhooks: Webhooks) -> list[BaseRoute]:
    """Every hosted page."""
    return [
        *CheckoutPage(site, webhooks).routes(),
        *InvoicePage(site, webhooks).routes(),
        *OnboardingPage(site).routes(),
    ]
