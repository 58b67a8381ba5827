"""The agency's settings: billing, its Stripe account, its programs, and what was found and done."""

from typing import Final

from fastapi import APIRouter

from api.pages.agency.settings import general, history, retries, stripe, webhooks

ROUTERS: Final[tuple[APIRouter, ...]] = (
    general.router,
    retries.router,
    stripe.router,
    webhooks.router,
    history.router,
)
