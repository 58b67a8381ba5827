"""Connected accounts: they charge once their owner has onboarded, until Stripe or the owner takes that away."""

from enum import StrEnum

from sandbox.stripe.countries import COUNTRIES
from sandbox.stripe.errors import InvalidState
from sandbox.stripe.payment_cards import EMPTY_ADDRESS
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work

_DOCUMENT = "individual.verification.document"
_DUE = ["external_account", _DOCUMENT]
_ONBOARDING = ["business_profile.url", "business_type", "external_account", _DOCUMENT, "tos_acceptance.date"]


class AccountAction(StrEnum):
    """What can happen to an account outside the API."""

    COMPLETE = "complete"
    RESTRICT = "restrict"
    RESTORE = "restore"
    DISCONNECT = "disconnect"


def create_account(work: Work, country: str, params: Json, *, connected: bool = True) -> Record:
    """An account whose owner has yet to onboard. One that its owner made has that behind it, and is not connected
    before he consents."""
    onboarded = not connected
    due = [] if onboarded else _ONBOARDING
    wanted = [name for name, asked in params.get("capabilities", {}).items() if asked.get("requested")]
    capabilities = dict.fromkeys(wanted, _status(onboarded))
    body: Json = {
        "business_profile": _business_profile(params.get("business_profile", {})),
        "business_type": params.get("business_type"),
        "capabilities": capabilities,
        "charges_enabled": onboarded and "card_payments" in capabilities,
        "controller": _controller(params.get("controller", {})),
        "country": country,
        "default_currency": params.get("default_currency") or COUNTRIES[country],
        "details_submitted": onboarded,
        "email": params.get("email"),
        "external_accounts": {"object": "list", "data": [], "has_more": False, "url": "/v1/accounts/external_accounts"},
        "future_requirements": requirements([]),
        "metadata": params.get("metadata") or {},
        "payouts_enabled": onboarded,
        "requirements": requirements(due),
        "settings": _settings(params.get("business_profile", {}).get("name")),
        "tos_acceptance": {"date": work.now if onboarded else None, "ip": None, "user_agent": None},
        "type": params.get("type") or "none",
    }
    account = work.create("account", body, {"connected": connected}, account=work.site.platform)
    if connected:
        work.emit("account.updated", account, account=account.id)
    return account


def onboard(work: Work, account: Record, *, owing: bool) -> None:
    """The owner has sent the form in, perhaps without his document: then Stripe knows him, and enables nothing."""
    account.body["tos_acceptance"]["date"] = work.now
    _take_over(work, account, [_DOCUMENT] if owing else [])


def act_on_account(work: Work, account: Record, action: AccountAction) -> None:
    """Let something happen to the account, with the events that tell the platform."""
    if not account.hidden["connected"]:
        raise InvalidState("This account is not connected any more.")
    if action == AccountAction.DISCONNECT:
        account.hidden["connected"] = False
        application = Record(
            account.id,
            "application",
            {"id": work.site.application, "object": "application", "name": "Platform"},
            {},
        )
        work.emit("account.application.deauthorized", application, account=account.id)
        return
    _take_over(work, account, _DUE if action == AccountAction.RESTRICT else [])


def _take_over(work: Work, account: Record, due: list[str]) -> None:
    """What follows from what is due: with anything due, nothing is enabled."""
    healthy, capabilities = not due, account.body["capabilities"]
    before = capabilities.get("card_payments")
    account.body.update(
        charges_enabled=healthy and "card_payments" in capabilities,
        payouts_enabled=healthy,
        details_submitted=True,
        requirements=requirements(due),
        capabilities={name: _status(healthy) for name in capabilities},
    )
    work.emit_updated("account.updated", account, account=account.id)
    if before != account.body["capabilities"].get("card_payments"):
        _emit_capability(work, account, "card_payments", before=before)


def capability(account: Record, name: str) -> Json:
    """One capability of an account, as an object of its own."""
    return {
        "id": name,
        "object": "capability",
        "account": account.id,
        "future_requirements": requirements([]),
        "requested": True,
        "requested_at": account.body["created"],
        "requirements": account.body["requirements"],
        "status": account.body["capabilities"][name],
    }


def requirements(due: list[str]) -> Json:
    """What Stripe still wants to know; anything due disables the account."""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": "requirements.past_due" if due else None,
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": [],
    }


def _emit_capability(work: Work, account: Record, name: str, *, before: str | None) -> None:
    snapshot = Record(account.id, "capability", capability(account, name), {})
    work.emit("capability.updated", snapshot, previous={"status": before}, account=account.id)


def _status(healthy: bool) -> str:
    return "active" if healthy else "inactive"


def _business_profile(given: Json) -> Json:
    return {
        "annual_revenue": None,
        "estimated_worker_count": None,
        "mcc": None,
        "minority_owned_business_designation": None,
        "name": None,
        "product_description": None,
        "support_address": dict(EMPTY_ADDRESS),
        "support_email": None,
        "support_phone": None,
        "support_url": None,
        "url": None,
        **given,
    }


def _controller(given: Json) -> Json:
    return {
        "fees": given.get("fees") or {"payer": "account"},
        "is_controller": True,
        "losses": given.get("losses") or {"payments": "stripe"},
        "requirement_collection": given.get("requirement_collection") or "stripe",
        "stripe_dashboard": given.get("stripe_dashboard") or {"type": "full"},
        "type": "application",
    }


def _settings(display_name: str | None) -> Json:
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": display_name, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
        "payments": {
            "statement_descriptor": None,
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }
