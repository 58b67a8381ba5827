"""Is the process alive, and can it do its work?"""

import asyncio
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter
from starlette.responses import JSONResponse
from temporalio.client import Client

from adapters.postgres.pool import Pool
from adapters.temporal import within
from api.fields import Answer
from api.openapi import example
from api.services import Used

router = APIRouter(tags=["Operations"])
_PROBE_SECONDS = 2.0


class Alive(Answer, json_schema_extra=example(status="alive")):
    status: Literal["alive"]


class Readiness(Answer, json_schema_extra=example(status="ready", missing=[])):
    """`missing` names what does not answer."""

    status: Literal["ready", "not_ready"]
    missing: list[Literal["postgres", "temporal"]]


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
    )
    return JSONResponse(body.model_dump(), 200 if body.status == "ready" else 503)


async def _answers(probe: Awaitable[object]) -> bool:
    try:
        await within(_PROBE_SECONDS, probe)
    except Exception:  # whatever it is, it does not answer
        return False
    return True


async def _ask_database(pool: Pool) -> None:
    await pool.fetchval("SELECT 1 FROM agencies LIMIT 1")


async def _ask_temporal(client: Client) -> None:
    await client.service_client.check_health()
