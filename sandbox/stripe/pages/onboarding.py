"""Where an account link leads: the account is ready already, so the page says so and leads on."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.stripe.pages.html import message, not_found
from sandbox.stripe.work import Site


class OnboardingPage:
    """`/setup/s/{account}/{token}`: only the latest link of an account opens."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        return [Route("/setup/s/{account}/{token}", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        account = self._site.store.load(request.path_params["account"])
        if account is None or account.kind != "account":
            return not_found()
        link = account.hidden.get("link")
        if link is None or link["token"] != request.path_params["token"]:
            return not_found()
        ready = account.body["charges_enabled"]
        text = f"This account {'is ready to' if ready else 'cannot currently'} take payments."
        return message("Your Stripe account", text, link=(link["return_url"], "Continue"))
