"""OAuth: the page on which an account's owner lets the platform in, and what the platform asks afterwards."""

import base64
import binascii
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.stripe.countries import COUNTRIES
from sandbox.stripe.oauth import Refused, accounts_of, client_id_of, consent, deauthorize, exchange, led_back
from sandbox.stripe.pages.html import message, page, read_fields
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site

_NEW = "new"


class ConsentPage:
    """`/oauth/authorize` for people, `/oauth/token` and `/oauth/deauthorize` for the platform with its key."""

    def __init__(self, site: Site, webhooks: Webhooks, api_key: str) -> None:
        self._site = site
        self._webhooks = webhooks
        self._api_key = api_key

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth/authorize", self.show, methods=["GET"]),
            Route("/oauth/authorize", self.decide, methods=["POST"]),
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/oauth/deauthorize", self.leave, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        asked = dict(request.query_params)
        wrong = self._wrong(asked)
        if wrong:
            return message("This link does not work", wrong, status=400)
        accounts = [
            (account.id, account.body["business_profile"]["name"] or account.id) for account in accounts_of(self._site)
        ]
        names = ("client_id", "redirect_uri", "state", "response_type", "scope")
        kept = {name: asked.get(name, "") for name in names}
        return page("consent.html", accounts=accounts, countries=sorted(COUNTRIES), kept=kept)

    async def decide(self, request: Request) -> Response:
        """Back to the platform with a code, or with the owner's no."""
        fields = await read_fields(request)
        wrong = self._wrong(fields)
        if wrong:
            return message("This link does not work", wrong, status=400)
        back, state = str(fields["redirect_uri"]), str(fields.get("state", ""))
        if fields.get("action") != "connect":
            denied = "The user denied your request"
            return _led(led_back(back, error="access_denied", error_description=denied, state=state))
        country = str(fields.get("country") or "US")
        code = consent(self._site, str(fields.get("account") or _NEW), country if country in COUNTRIES else "US")
        return _led(led_back(back, scope=str(fields.get("scope") or "read_only"), state=state, code=code))

    async def token(self, request: Request) -> Response:
        fields = await read_fields(request)
        try:
            self._check_key(request, fields)
            if fields.get("grant_type") != "authorization_code":
                raise Refused("unsupported_grant_type", "Only authorization_code is known here.")
            account = exchange(self._site, str(fields.get("code", "")))
        except Refused as refused:
            return _refusal(refused)
        finally:
            self._webhooks.wake()
        granted = {"access_token": self._api_key, "refresh_token": f"rt_{account}", "token_type": "bearer"}
        mode = {"livemode": False, "scope": "read_write", "stripe_publishable_key": f"pk_test_{account}"}
        return JSONResponse({**granted, **mode, "stripe_user_id": account})

    async def leave(self, request: Request) -> Response:
        fields = await read_fields(request)
        try:
            self._check_key(request, fields)
            if fields.get("client_id") != self._site.application:
                raise Refused("invalid_client", "No such application.")
            deauthorize(self._site, str(fields.get("stripe_user_id", "")))
        except Refused as refused:
            return _refusal(refused)
        finally:
            self._webhooks.wake()
        return JSONResponse({"stripe_user_id": fields["stripe_user_id"]})

    def _wrong(self, asked: Json) -> str | None:
        if asked.get("client_id") != client_id_of(self._api_key):
            return "No application matches the supplied client identifier."
        if asked.get("response_type") != "code":
            return "The response type must be code."
        back = urlsplit(str(asked.get("redirect_uri", "")))
        return None if back.scheme in ("http", "https") and back.netloc else "Invalid redirect URI."

    def _check_key(self, request: Request, fields: Json) -> None:
        given = fields.get("client_secret") or _key_of(request.headers.get("authorization", ""))
        if given != self._api_key:
            raise Refused("invalid_client", "No such API key.")


def _key_of(authorization: str) -> str:
    """Bearer or Basic: Stripe takes both."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials
    try:
        return base64.b64decode(credentials).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _led(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _refusal(refused: Refused) -> Response:
    status = 401 if refused.error == "invalid_client" else 400
    return JSONResponse({"error": refused.error, "error_description": refused.description}, status)
