"""The agency's own Stripe account: how it stands, and the ways to Stripe's pages and back (billing-rules 8)."""

from typing import Final

from starlette.responses import Response

from api.pages.agency.door import API, show
from api.pages.agency.settings import new_account
from api.pages.agency.settings.door import HERE, settings_router
from api.pages.agency.settings.requirements import in_words
from api.pages.door import Visit, Visiting
from api.pages.inside import Json, Refused

router = settings_router("/stripe")
_HERE: Final = f"{HERE}/stripe"


@router.get("")
async def read(visit: Visiting, stripe: str = "", reason: str = "") -> Response:
    """`stripe`: who comes back from Stripe's pages, from onboarding (`back`) or with what its consent page came to."""
    account = await visit.inside.get(f"{API}/stripe")
    # A plan was assigned on an account that could charge: this one is another.
    is_another = account["state"] == "onboarding" and await _assigned(visit)
    return await show(
        visit,
        "settings/stripe.html",
        account=account,
        missing=in_words(account["requirements"]),
        existing=visit.services.oauth is not None,
        is_another=is_another,
        back=stripe,
        reason=reason,
    )


@router.get("/again")
async def expired(visit: Visiting) -> Response:
    """Where Stripe leads whose link was used or is over: to be given another."""
    return await show(visit, "settings/stripe_again.html")


@router.get("/new")
async def ask_for_new(visit: Visiting) -> Response:
    """Before another account takes the place of one that is disconnected."""
    return await show(
        visit,
        "settings/stripe_new.html",
        lost=list(new_account.told(visit.formats, await new_account.lost(visit))),
        existing=visit.services.oauth is not None,
    )


@router.post("/onboarding")
async def onboard(visit: Visiting) -> Response:
    own = _own_address(visit)
    pages = {"return_url": f"{own}?stripe=back", "refresh_url": f"{own}/again"}
    return await _leave(visit, "onboarding-links", pages)


@router.post("/existing")
async def connect_existing(visit: Visiting) -> Response:
    """On to Stripe's consent page, on which the owner of an account lets us in."""
    return await _leave(visit, "oauth-links", {"return_url": _own_address(visit)})


async def _assigned(visit: Visit) -> bool:
    setup = await visit.inside.get(f"{API}/setup")
    return any(one["done"] for one in setup["steps"] if one["step"] == "assign")


async def _leave(visit: Visit, link: str, pages: Json) -> Response:
    try:
        made = await visit.inside.send("POST", f"{API}/stripe/{link}", pages, key=visit.key)
    except Refused as refused:
        if refused.code == "country_not_supported":
            return visit.go(_HERE, "Stripe does not serve your country.", bad=True)
        return visit.refused(_HERE, refused)
    return visit.leave(made["url"], "Stripe")


def _own_address(visit: Visit) -> str:
    return visit.services.settings.public_base_url + _HERE
