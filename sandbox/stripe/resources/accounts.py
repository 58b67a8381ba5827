"""`/v1/accounts` and `/v1/account_links`: connected accounts and the page that onboards them."""

from sandbox.stripe.accounts import capability, create_account
from sandbox.stripe.countries import COUNTRIES
from sandbox.stripe.errors import AccountInvalid, InvalidRequest
from sandbox.stripe.metadata import merged_metadata
from sandbox.stripe.params import Currency, Flag, Metadata, Nested, Params, Text, Url
from sandbox.stripe.routing import LIST_PARAMS, Answer, Call, endpoint
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import listed

LINK_LIFE_SECONDS = 300

_REQUESTED = Nested(fields={"requested": Flag()})
_SHARED: Params = {
    "business_profile": Nested(
        fields={
            name: Text()
            for name in ("mcc", "name", "product_description", "support_email", "support_phone", "support_url", "url")
        }
    ),
    "business_type": Text(choices=("company", "government_entity", "individual", "non_profit")),
    "capabilities": Nested(fields={"card_payments": _REQUESTED, "transfers": _REQUESTED}),
    "default_currency": Currency(),
    "email": Text(),
    "metadata": Metadata(),
}
_CREATE: Params = {
    **_SHARED,
    "controller": Nested(
        fields={
            "fees": Nested(fields={"payer": Text(choices=("account", "application"))}),
            "losses": Nested(fields={"payments": Text(choices=("application", "stripe"))}),
            "requirement_collection": Text(choices=("application", "stripe")),
            "stripe_dashboard": Nested(fields={"type": Text(choices=("express", "full", "none"))}),
        }
    ),
    "country": Text(),
    "type": Text(choices=("custom", "express", "standard")),
}
_LINK: Params = {
    "account": Text(required=True),
    "collect": Text(choices=("currently_due", "eventually_due")),
    "collection_options": Nested(
        fields={
            "fields": Text(choices=("currently_due", "eventually_due")),
            "future_requirements": Text(choices=("include", "omit")),
        }
    ),
    "refresh_url": Url(),
    "return_url": Url(),
    "type": Text(required=True, choices=("account_onboarding", "account_update")),
}


@endpoint("accounts.create", "POST", "/v1/accounts", _CREATE)
def create(call: Call) -> Answer:
    if "type" in call.params and "controller" in call.params:
        raise InvalidRequest("You may only specify one of these parameters: controller, type.")
    country = call.params.get("country", "US").upper()
    if country not in COUNTRIES:
        raise InvalidRequest(
            f"Country '{country}' is unknown. Try using a 2-character alphanumeric country code.",
            code="country_unsupported",
            param="country",
        )
    return create_account(call.work, country, call.params)


@endpoint("accounts.retrieve", "GET", "/v1/accounts/{id}")
def retrieve(call: Call) -> Answer:
    return _connected(call, call.ids["id"])


@endpoint("accounts.retrieve_current", "GET", "/v1/account")
def retrieve_current(call: Call) -> Answer:
    """The account that the request speaks for; the platform itself shows as a bare account."""
    if call.work.is_connected:
        return _connected(call, call.work.account)
    return {
        "id": call.work.account,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "payouts_enabled": True,
        "type": "standard",
    }


@endpoint("accounts.update", "POST", "/v1/accounts/{id}", _SHARED)
def update(call: Call) -> Answer:
    account, params = _connected(call, call.ids["id"]), call.params
    account.body["business_profile"] |= params.get("business_profile", {})
    for name in ("business_type", "default_currency", "email"):
        account.body[name] = params.get(name, account.body[name])
    if "metadata" in params:
        account.body["metadata"] = merged_metadata(account.body["metadata"], params["metadata"])
    for name, wanted in params.get("capabilities", {}).items():
        if wanted.get("requested"):
            status = "inactive" if account.body["requirements"]["currently_due"] else "active"
            account.body["capabilities"].setdefault(name, status)
    call.work.emit_updated("account.updated", account, account=account.id)
    return account


@endpoint("accounts.list", "GET", "/v1/accounts", LIST_PARAMS)
def list_accounts(call: Call) -> Answer:
    return call.page("account")


@endpoint("accounts.capabilities.list", "GET", "/v1/accounts/{id}/capabilities")
def list_capabilities(call: Call) -> Answer:
    account = _connected(call, call.ids["id"])
    return listed([capability(account, name) for name in account.body["capabilities"]], call.path)


@endpoint("accounts.capabilities.retrieve", "GET", "/v1/accounts/{id}/capabilities/{capability}")
def retrieve_capability(call: Call) -> Answer:
    account, name = _connected(call, call.ids["id"]), call.ids["capability"]
    if name not in account.body["capabilities"]:
        raise InvalidRequest(f"No such capability: '{name}'", code="resource_missing", param="capability")
    return capability(account, name)


@endpoint("account_links.create", "POST", "/v1/account_links", _LINK)
def create_link(call: Call) -> Answer:
    account = _connected(call, call.params["account"])
    for name in ("refresh_url", "return_url"):
        if name not in call.params:
            raise InvalidRequest(f"Missing required param: {name}.", code="parameter_missing", param=name)
    expires_at = call.work.now + LINK_LIFE_SECONDS
    leads = {name: call.params[name] for name in ("refresh_url", "return_url")}
    hidden = {**leads, "account": account.id, "expires_at": expires_at, "visit": None}
    kept = call.work.create("account_link", {}, hidden, account=call.work.site.platform)
    link: Json = {
        "object": "account_link",
        "created": call.work.now,
        "expires_at": expires_at,
        "url": f"{call.work.site.base_url}/setup/s/{account.id}/{kept.id}",
    }
    return link


def _connected(call: Call, account_id: str) -> Record:
    account = call.work.any_account("account", account_id)
    asked_for_itself = not call.work.is_connected or call.work.account == account_id
    if account is None or not account.hidden["connected"] or not asked_for_itself:
        raise AccountInvalid(
            f"The provided key does not have access to account '{account_id}' (or that account does not exist). "
            "Application access may have been revoked.",
            code="account_invalid",
        )
    return account
