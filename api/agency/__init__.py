"""What an agency does: everything under /v1/agency, each of its own tenant."""

from typing import Final

from fastapi import APIRouter

from api.agency import (
    audit,
    card_requests,
    clients,
    commands,
    custom_invoices,
    dunning,
    export,
    findings,
    giving_up,
    invoice_orders,
    invoices,
    notifications,
    plan_changes,
    plans,
    prices,
    refunds,
    reissues,
    setting_up,
    settings,
    stripe,
    subscriptions,
    summary,
    usage,
    webhook_endpoints,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    stripe.router,
    setting_up.router,
    prices.router,
    plans.router,
    clients.router,
    card_requests.router,
    subscriptions.router,
    commands.router,
    plan_changes.router,
    invoices.router,
    refunds.router,
    custom_invoices.router,
    invoice_orders.router,
    giving_up.router,
    reissues.router,
    usage.router,
    summary.router,
    export.router,
    findings.router,
    notifications.router,
    webhook_endpoints.router,
    settings.router,
    dunning.router,
    audit.router,
)
