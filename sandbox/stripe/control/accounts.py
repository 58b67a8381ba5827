"""What happens to connected accounts outside the API: Stripe restricts them, their owners disconnect."""

from starlette.requests import Request
from starlette.routing import Route

from sandbox.stripe.accounts import AccountAction, act_on_account
from sandbox.stripe.control.calls import member, read_json, route
from sandbox.stripe.control.owners import Owners
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work, shown


class Accounts:
    """`{id}` is a connected account."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def routes(self) -> list[Route]:
        return [route("POST", "/accounts/{id}", self.act)]

    async def act(self, request: Request) -> Json:
        account_id = request.path_params["id"]
        action = member(await read_json(request), "action", AccountAction)

        def change(work: Work) -> Json:
            account = work.require("account", account_id, in_path=True)
            act_on_account(work, account, action)
            return {"account": shown(account), "connected": account.hidden["connected"]}

        return self._owners.perform(account_id, change)
