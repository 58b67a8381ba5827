"""What the contract names and this version does not do yet: each path is there, asks who calls, and answers 422."""

from typing import Final, NoReturn

from fastapi import APIRouter
from starlette.responses import Response

from api.guard import BEARER, guarded
from api.openapi import refusals
from api.problems import NotAvailable
from api.tokens import Role

_INVOICE: Final = "/v1/agency/invoices/{invoice_id}"

PATHS: Final[tuple[tuple[str, str, str], ...]] = (("POST", f"{_INVOICE}/credit-notes", "Make a credit note"),)


def router() -> APIRouter:
    routes = APIRouter(route_class=guarded(Role.AGENCY, plain=True), dependencies=[BEARER], tags=["Not available yet"])
    for method, path, summary in PATHS:
        routes.add_api_route(
            path,
            _not_available,
            methods=[method],
            summary=summary,
            name=f"{method.lower()} {path}",
            responses=refusals(422, "not_available"),
            status_code=422,
            response_model=None,
            response_class=Response,
        )
    return routes


async def _not_available() -> NoReturn:
    raise NotAvailable("This part of the contract is not available in this version.")
