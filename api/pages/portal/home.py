"""The portal's first page, which is its one section, and the way out."""

from starlette.responses import Response

from api.pages import rendering
from api.pages.door import Visiting
from api.pages.portal.door import portal_router
from api.pages.sessions import end_session

router = portal_router()


@router.get("")
async def home(visit: Visiting) -> Response:
    return visit.go("/portal/billing")


@router.post("/sign-out")
async def sign_out(visit: Visiting) -> Response:
    answer = rendering.signed_out(visit.request, visit.role, asked=True)
    await end_session(visit.services, visit.request, visit.signed, answer)
    return answer
