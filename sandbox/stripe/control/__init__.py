"""The levers beside the API, under `/_emulator/`: trouble on purpose, people's actions, and a look into the books.

They carry no authentication: the emulator listens on loopback.
"""

from starlette.routing import BaseRoute, Mount

from sandbox.stripe.api import Api
from sandbox.stripe.control.accounts import Accounts
from sandbox.stripe.control.books import Books
from sandbox.stripe.control.cards import Cards
from sandbox.stripe.control.invoices import Invoices
from sandbox.stripe.control.owners import Owners
from sandbox.stripe.control.trouble import Trouble
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site


def control_routes(site: Site, api: Api, webhooks: Webhooks) -> list[BaseRoute]:
    """Every control call."""
    owners = Owners(site, webhooks)
    routes = [
        *Trouble(site, api, webhooks).routes(),
        *Cards(owners).routes(),
        *Invoices(owners).routes(),
        *Accounts(owners).routes(),
        *Books(site, api, webhooks).routes(),
    ]
    return [Mount("/_emulator", routes=routes)]
