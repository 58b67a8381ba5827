"""What must hold before an agency charges a client anew: its tier, its account, and the currency (billing-rules 8)."""

from datetime import datetime

from adapters.postgres import agencies, freezes
from adapters.postgres.agencies import Account, Agency
from api.agency.stripe import refresh
from api.conflicts import conflict
from api.problems import Forbidden, InvalidFields
from api.services import Services
from api.tenant import connected_account


def check_tier(agency: Agency) -> None:
    """Raises Forbidden `billing_not_available`."""
    if agency.tier not in agencies.SELLING_TIERS:
        raise Forbidden("The agency's tier does not include billing.", code="billing_not_available")


async def charging_account(services: Services, agency: Agency) -> str:
    """The connected account's id. Raises Forbidden `billing_not_available`, Conflict `stripe_not_ready` or
    `agency_frozen`."""
    check_tier(agency)
    account, account_id = await connected_account(services, agency.id)
    if not (account.healthy or await _healthy_by_now(services, agency, account)):
        frozen = await freezes.frozen_by(services.database, agency.id, account_id)
        raise conflict("agency_frozen" if frozen else "stripe_not_ready")
    return account_id


async def check_currency(services: Services, agency: Agency, currency: str, field: str, now: datetime) -> None:
    """Raises InvalidFields `currency_not_supported` for what Stripe does not charge in the agency's country."""
    country = await services.directory.country(agency.country, now)
    if country is None or currency not in country.currencies:
        raise InvalidFields(
            (field, f"the agency's Stripe account can't charge {currency}"), code="currency_not_supported"
        )


async def _healthy_by_now(services: Services, agency: Agency, account: Account) -> bool:
    """What the books say may be older than Stripe's last word."""
    await refresh(services, account)
    fresh = await agencies.account(services.database, agency.id)
    return fresh is not None and fresh.healthy
