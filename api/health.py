"""Is the process alive, can it do its work, and how does it do?"""

import asyncio
from collections.abc import Awaitable
from typing import Final, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from temporalio.client import Client

from adapters.postgres.pool import Pool
from adapters.waiting import at_most
from api.fields import Answer
from api.openapi import example
from api.services import Used

router = APIRouter(tags=["Operations"])
_PROBE_SECONDS = 2.0


class Alive(Answer, json_schema_extra=example(status="alive")):
    status: Literal["alive"]


class Readiness(Answer, json_schema_extra=example(status="ready", missing=[], off=["mail"])):
    """`missing` names what does not answer, `off` what is not set up: without it all goes on."""

    status: Literal["ready", "not_ready"]
    missing: list[Literal["postgres", "temporal"]]
    off: list[Literal["mail"]]


_FIGURES: Final = """\
# HELP retainer_payment_attempts_total Payment attempts whose outcome is known.
# TYPE retainer_payment_attempts_total counter
retainer_payment_attempts_total{result="paid"} 1812.0
"""


class Figures(Response):
    """In the text format of Prometheus, or in OpenMetrics' where that is asked for."""

    media_type = "text/plain"


@router.get(
    "/metrics",
    summary="The process's figures",
    response_class=Figures,
    response_model=None,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _FIGURES}}}},
)
async def metrics(request: Request, services: Used) -> Response:
    """For Prometheus: of this process, and how far behind the whole system is. They name no tenant."""
    text, content_type = await services.scrape.answer(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": content_type})


@router.get("/livez", summary="The process is alive")
async def livez() -> Alive:
    return Alive(status="alive")


@router.get(
    "/readyz",
    summary="What the process needs answers",
    response_model=Readiness,
    responses={503: {"description": "Something does not answer", "model": Readiness}},
)
async def readyz(services: Used) -> JSONResponse:
    """200 when database and Temporal answer, else 503 with the names of those that do not."""
    database, temporal = await asyncio.gather(
        _answers(_ask_database(services.database)), _answers(_ask_temporal(services.temporal))
    )
    body = Readiness(
        status="ready" if database and temporal else "not_ready",
        missing=[*([] if database else ["postgres"]), *([] if temporal else ["temporal"])],
        off=[] if services.settings.mail_is_on else ["mail"],
    )
    return JSONResponse(body.model_dump(), 200 if body.status == "ready" else 503)


async def _answers(probe: Awaitable[object]) -> bool:
    try:
        await at_most(_PROBE_SECONDS, probe)
    except Exception:  # whatever it is, it does not answer
        return False
    return True


async def _ask_database(pool: Pool) -> None:
    await pool.fetchval("SELECT 1 FROM agencies LIMIT 1")


async def _ask_temporal(client: Client) -> None:
    await client.service_client.check_health()
