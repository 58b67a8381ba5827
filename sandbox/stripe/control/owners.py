"""Acting on an object without saying whose it is: ids are unique, so the emulator finds the account."""

from collections.abc import Callable

from sandbox.stripe.acting import perform
from sandbox.stripe.control.calls import BadCall
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import Site, Work


class Owners:
    """Performs a change on the account that owns an object, and lets the webhooks know."""

    def __init__(self, site: Site, webhooks: Webhooks) -> None:
        self._site = site
        self._webhooks = webhooks

    def perform(self, object_id: str, change: Callable[[Work], Json]) -> Json:
        """Do it on the owner's account, in one transaction."""
        target = self._site.store.load(object_id)
        if target is None:
            raise BadCall(f"No such object: {object_id}")
        try:
            return perform(self._site, target.account, change)
        finally:
            self._webhooks.wake()
