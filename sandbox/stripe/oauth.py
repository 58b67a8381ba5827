"""OAuth for platforms: a consent page, codes for one use, and the tokens that they are exchanged for.

What Stripe answers here has a form of its own (RFC 6749): `{"error": "invalid_grant", "error_description": …}`.
"""

import hashlib
from urllib.parse import urlencode, urlsplit

from sandbox.stripe.accounts import AccountAction, act_on_account, create_account
from sandbox.stripe.acting import perform
from sandbox.stripe.store import Record
from sandbox.stripe.work import Site, Work

CODE_LIFE_SECONDS = 300
_CAPABILITIES = {name: {"requested": True} for name in ("card_payments", "transfers")}


def client_id_of(api_key: str) -> str:
    """The platform's client id; at Stripe the dashboard shows it, here it follows from the key."""
    return "ca_" + hashlib.sha256(api_key.encode()).hexdigest()[:32]


class Refused(Exception):
    """What the token endpoint refuses, by the name that RFC 6749 has for it."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def led_back(redirect_uri: str, **answer: str) -> str:
    """The platform's address with what came of the consent."""
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{joint}{urlencode({name: value for name, value in answer.items() if value})}"


def accounts_of(site: Site) -> list[Record]:
    """Every account that its owner could choose, connected or not."""
    return site.store.select("account", account=site.platform)


def consent(site: Site, account_id: str, country: str) -> str:
    """A code for the account, or for a new one whose owner has just made it; the platform gets access with the code."""

    def change(work: Work) -> str:
        account = work.find("account", account_id)
        if account is None:
            account = create_account(work, country, {"capabilities": _CAPABILITIES}, connected=False)
        return work.create("oauth_code", {}, {"account": account.id}).id

    return perform(site, site.platform, change)


def exchange(site: Site, code: str) -> str:
    """Connect the code's account, once. Raises Refused."""

    def change(work: Work) -> str:
        known = work.find("oauth_code", code)
        if known is None or work.now - known.body["created"] > CODE_LIFE_SECONDS:
            raise Refused("invalid_grant", f"Authorization code does not exist: {code}")
        work.delete(known)
        account = work.find("account", known.hidden["account"])
        if account is None:
            raise Refused("invalid_grant", "The account does not exist any more.")
        account.hidden["connected"] = True
        work.emit_updated("account.updated", account, account=account.id)
        return account.id

    return perform(site, site.platform, change)


def deauthorize(site: Site, account_id: str) -> None:
    """Give the access back. Raises Refused."""

    def change(work: Work) -> None:
        account = work.find("account", account_id)
        if account is None or not account.hidden["connected"]:
            raise Refused("invalid_client", f"This application is not connected to stripe account {account_id}.")
        act_on_account(work, account, AccountAction.DISCONNECT)

    perform(site, site.platform, change)
