"""Signing in: the platform hands a browser over with a token in a link (http-api.md, "Pages")."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import problems
from api.pages import cookies, rendering, sessions
from api.problems import Forbidden, Unauthenticated
from api.services import Used
from api.tokens import Role

router = APIRouter(include_in_schema=False)
_HOME: Final = {Role.CLIENT: "/portal", Role.AGENCY: "/agency"}
_LONGEST_TOKEN: Final = 8192


@router.get("/login")
async def login(services: Used, request: Request, token: str = "") -> Response:
    """Signs in, and leads on at once, so that the token stands in no history and in no referrer."""
    try:
        if len(token) > _LONGEST_TOKEN:
            raise Unauthenticated("The token is longer than any that we know.")
        hand_over = await services.tokens.hand_over(token)
        home = _HOME.get(hand_over.caller.role)
        if home is None:
            raise Forbidden("There are pages for agencies and for clients.")
        answer: Response = RedirectResponse(home, HTTPStatus.SEE_OTHER)
        await sessions.open_session(services, request, hand_over, answer)
    except Unauthenticated as refused:
        await rendering.lay_bar(request)
        answer = rendering.signed_out(request, None, why=refused.detail)
    except Exception as error:
        await rendering.lay_bar(request)
        answer = rendering.refusal(request, problems.problem_of(error))
    answer.headers["Referrer-Policy"] = "no-referrer"
    return rendering.guarded(answer, over_tls=cookies.over_tls(request))
