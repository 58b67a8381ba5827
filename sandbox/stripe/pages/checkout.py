"""The Checkout page in setup mode: a customer types a card, perhaps answers the bank, and is sent back."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.stripe.acting import perform
from sandbox.stripe.cards import read_typed_card
from sandbox.stripe.errors import CardError
from sandbox.stripe.pages.html import message, not_found, page, read_fields
from sandbox.stripe.payment_cards import create_payment_method
from sandbox.stripe.setups import answer_setup_authentication, complete_session, confirm_setup, expire_due_sessions
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site, Work


class CheckoutPage:
    """`/c/setup/{session}`: the session's id is the secret in the address."""

    def __init__(self, site: Site, webhooks: Webhooks) -> None:
        self._site = site
        self._webhooks = webhooks

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/c/setup/{session}", self.show, methods=["GET"]),
            Route("/c/setup/{session}", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        session = self._open_session(request)
        return session if isinstance(session, Response) else self._form(session)

    async def submit(self, request: Request) -> Response:
        fields = await read_fields(request)
        session = self._open_session(request)
        if isinstance(session, Response):
            return session
        try:
            done = perform(self._site, session.account, lambda work: _continue_setup(work, session.id, fields))
        except CardError as refusal:
            return self._form(session, refusal=refusal, status=402)
        finally:
            self._webhooks.wake()
        if not done:
            return RedirectResponse(request.url.path, status_code=303)
        return RedirectResponse(_success_url(session), status_code=303)

    def _open_session(self, request: Request) -> Record | Response:
        """The session, when its page can still be used."""
        expire_due_sessions(self._site)
        session = self._site.store.load(request.path_params["session"])
        if session is None or session.kind != "checkout.session":
            return not_found()
        if session.body["status"] == "expired":
            cancel_url = session.body["cancel_url"]
            link = (cancel_url, "Go back") if cancel_url else None
            return message("This page has expired", "Please ask for a new link.", status=410, link=link)
        if session.body["status"] == "complete":
            return message("All done", "Your card has been saved.", link=(_success_url(session), "Continue"))
        return session

    def _form(self, session: Record, *, refusal: CardError | None = None, status: int = 200) -> Response:
        setup = self._site.store.load(session.body["setup_intent"])
        account = self._site.store.load(session.account)
        return page(
            "checkout.html",
            status=status,
            merchant=account.body["business_profile"]["name"] if account else None,
            asks_authentication=setup is not None and setup.body["status"] == "requires_action",
            refusal=refusal.message if refusal else None,
            field=refusal.param if refusal else None,
            cancel_url=session.body["cancel_url"],
        )


def _continue_setup(work: Work, session_id: str, fields: Json) -> bool:
    """Take the next step; whether the session is complete after it."""
    session = work.require("checkout.session", session_id)
    setup = work.require("setup_intent", session.body["setup_intent"])
    if setup.body["status"] == "requires_action":
        answer_setup_authentication(work, setup, passed=fields.get("action") == "authenticate")
    else:
        confirm_setup(work, setup, create_payment_method(work, read_typed_card(fields, work.now)))
    if setup.body["status"] != "succeeded":
        return False
    complete_session(work, session)
    return True


def _success_url(session: Record) -> str:
    return str(session.body["success_url"]).replace("{CHECKOUT_SESSION_ID}", session.id)
