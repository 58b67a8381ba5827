"""Where an account link leads: the form on which an account's owner tells Stripe about the business.

A link opens once; whoever follows it again, or too late, is led to the platform's refresh address for a new one. Going
back to the return address says nothing about what was sent in, as at Stripe: the platform asks.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.stripe.accounts import onboard
from sandbox.stripe.acting import perform
from sandbox.stripe.ids import random_text
from sandbox.stripe.pages.html import not_found, page, read_fields
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site, Work

_BUSINESS_TYPES = ("company", "individual", "non_profit")


class OnboardingPage:
    """`/setup/s/{account}/{link}`; the visit's secret, in the form, belongs to the browser that opened the link."""

    def __init__(self, site: Site, webhooks: Webhooks) -> None:
        self._site = site
        self._webhooks = webhooks

    def routes(self) -> list[BaseRoute]:
        path = "/setup/s/{account}/{link}"
        return [Route(path, self.show, methods=["GET"]), Route(path, self.submit, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        found = self._find(request)
        if found is None:
            return not_found()
        account, link = found
        visit = perform(self._site, self._site.platform, lambda work: _open(work, link))
        return _led(link.hidden["refresh_url"]) if visit is None else _form(account, visit)

    async def submit(self, request: Request) -> Response:
        fields, found = await read_fields(request), self._find(request)
        if found is None:
            return not_found()
        account, link = found
        if not link.hidden["visit"] or fields.get("visit") != link.hidden["visit"]:
            return _led(link.hidden["refresh_url"])
        if fields.get("action") != "later":
            refusal = _refusal(fields)
            if refusal:
                return _form(account, link.hidden["visit"], refusal=refusal, status=400)
            perform(self._site, self._site.platform, lambda work: _send_in(work, account, link, fields))
            self._webhooks.wake()
        return _led(link.hidden["return_url"])

    def _find(self, request: Request) -> tuple[Record, Record] | None:
        """The account and its link, as long as the account lets the platform in."""
        account = self._site.store.load(request.path_params["account"])
        link = self._site.store.load(request.path_params["link"])
        if account is None or account.kind != "account" or not account.hidden["connected"]:
            return None
        if link is None or link.kind != "account_link" or link.hidden["account"] != account.id:
            return None
        return account, link


def _open(work: Work, link: Record) -> str | None:
    """The secret of the visit that begins; none when the link was used, or is too old."""
    kept = work.require("account_link", link.id)
    if kept.hidden["visit"] is not None or work.now >= kept.hidden["expires_at"]:
        return None
    kept.hidden["visit"] = random_text(24)
    return str(kept.hidden["visit"])


def _send_in(work: Work, account: Record, link: Record, fields: Json) -> None:
    known = work.require("account", account.id)
    known.body["business_type"] = fields["business_type"]
    known.body["business_profile"]["url"] = fields["url"]
    onboard(work, known, owing=fields.get("action") == "without_document")
    work.require("account_link", link.id).hidden["visit"] = ""


def _refusal(fields: Json) -> tuple[str, str] | None:
    """The field that is wrong, and what is wrong with it."""
    if fields.get("business_type") not in _BUSINESS_TYPES:
        return "business_type", "Choose the type of your business."
    website = urlsplit(str(fields.get("url", "")))
    if website.scheme not in ("http", "https") or not website.netloc:
        return "url", "Not a valid URL."
    return None


def _form(account: Record, visit: str, *, refusal: tuple[str, str] | None = None, status: int = 200) -> Response:
    return page(
        "onboarding.html",
        status=status,
        name=account.body["business_profile"]["name"] or account.id,
        country=account.body["country"],
        due=account.body["requirements"]["currently_due"],
        types=_BUSINESS_TYPES,
        visit=visit,
        refusal=refusal[1] if refusal else None,
        field=refusal[0] if refusal else None,
    )


def _led(address: str) -> Response:
    return RedirectResponse(address, status_code=303)
