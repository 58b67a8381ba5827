"""What happens without an API request: a customer on a hosted page, a person in the dashboard, Stripe itself."""

from collections.abc import Callable
from typing import TypeVar

from sandbox.stripe.errors import ApiError
from sandbox.stripe.work import Site, Work

T = TypeVar("T")


def perform(site: Site, account: str, change: Callable[[Work], T]) -> T:
    """Do it in one transaction; a declined card is raised again once what happened is written."""
    work = Work(site, account)
    refusal: ApiError | None = None
    with site.store.transaction():
        try:
            result = change(work)
        except ApiError as error:
            if not error.keeps_effects:
                raise
            refusal = error
        work.flush()
    if refusal is not None:
        raise refusal
    return result
