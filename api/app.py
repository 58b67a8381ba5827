"""The HTTP application: routes by audience, one form for every refusal, one document."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio.client import Interceptor

from adapters.process import version
from adapters.settings import Settings, load_settings
from api import agency, health, oauth, openapi, pages, pay, platform, portal, problems, usage, webhooks
from api.observing import ObserveRequests
from api.services import open_services


def create_app(
    settings: Settings | None = None,
    interceptors: Sequence[Interceptor] = (),
    extend: Callable[[FastAPI], None] | None = None,
) -> FastAPI:
    """The application; uvicorn calls it without arguments, and settings come from the environment.

    Two ways in for the sandbox, which production leaves alone: `interceptors` go into the Temporal client, to stamp
    starts with the sandbox's clock; `extend` is given the application once it is whole, to add routes of its own and
    the bar under every page (`app.state.page_bar`, api/pages/rendering.py).
    """
    known = settings or load_settings()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(known, interceptors) as app.state.services:
            yield

    app = FastAPI(
        title="Retainer",
        version=version(),
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    # An address is looked for in this order. First comes what people wait for: a page is several calls.
    for router in (
        *portal.ROUTERS,
        *pages.ROUTERS,
        usage.router,
        *agency.ROUTERS,
        platform.router,
        webhooks.router,
        oauth.router,
        pay.router,
        health.router,
    ):
        app.include_router(router)
    app.add_middleware(ObserveRequests)
    for refused in (problems.Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(refused, problems.on_error)
    app.add_exception_handler(HTTPStatus.NOT_FOUND, _nothing_here)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, _other_method)
    app.openapi = lambda: _once(app)  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    if extend:
        extend(app)
    return app


async def _nothing_here(request: Request, error: Exception) -> Response:
    """404 for an address without a route, under the pages as a page."""
    return await _in_its_form(request, problems.problem_of(error))


async def _other_method(request: Request, error: Exception) -> Response:
    """405 with all that the address takes: the router itself names the methods of its first match only."""
    routes = (context.original_route for context in iter_route_contexts(request.app.routes))
    here = [route for route in routes if isinstance(route, Route) and route.path_regex.match(request.scope["path"])]
    allowed = sorted({method for route in here for method in route.methods or ()})
    return await _in_its_form(request, problems.MethodNotAllowed({"Allow": ", ".join(allowed)}))


async def _in_its_form(request: Request, problem: problems.Problem) -> Response:
    return await pages.refusal(request, problem) if pages.is_page(request) else problems.response(problem)


def _once(app: FastAPI) -> openapi.Json:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.document(app)
    return app.openapi_schema
