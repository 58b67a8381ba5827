"""The document of the API (OpenAPI 3.1): what FastAPI derives from the routes, and what it can't know of them.

Added to every operation: who may call it, its refusals, its Idempotency-Key, and an example of every body.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.conflicts import SENTENCES
from api.problems import MEDIA_TYPE

Json = dict[str, Any]

_DESCRIPTION: Final = (
    "Bills an agency's clients. Money is an integer in minor units with its currency; times are RFC 3339 in UTC. "
    "Refusals are application/problem+json with a stable `code`."
)
_PROBLEM: Final[Json] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457. `code` is stable; `errors` names the fields of a 422.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_REQUEST_ID: Final[Json] = {"description": "The request's id, for support.", "schema": {"type": "string"}}
_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and content within 24 hours brings the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "9f1c2a52-7d0e-4f6b-9a51-3c1f4f1f0a11",
}
_PARAMETER: Final = re.compile(r"{(\w+)}")
_BODY_CODES: Final = {400: "unreadable", 413: "body_too_large"}
_CALLER_CODES: Final = {
    401: "unauthenticated",
    403: "forbidden",
    429: "too_many_requests",
    503: "temporarily_unavailable",
}
_KEY_CODES: Final = ("idempotency_key_reused", "request_in_progress")
_NULL: Final = "\x00null"
"""Stands for null in an example: FastAPI leaves what is null out of the document, and our answers never do."""
_ERRORS: Final = [{"field": "name", "detail": "Field required"}]


def refusals(status: int, *codes: str) -> dict[int | str, Json]:
    """What a route says of its own refusals: one status with its codes, each with an example."""
    return {status: _refused(status, codes)}


def conflicts(*codes: str) -> dict[int | str, Json]:
    return refusals(HTTPStatus.CONFLICT, *codes)


def example(**fields: object) -> Json:
    """The example of a body, as pydantic's `json_schema_extra`."""
    return {"examples": [_replaced(fields, None, _NULL)]}


def _replaced(part: Any, old: object, new: object) -> Any:
    if isinstance(part, dict):
        return {name: _replaced(value, old, new) for name, value in part.items()}
    if isinstance(part, list):
        return [_replaced(value, old, new) for value in part]
    return new if part == old else part


def document(app: FastAPI) -> Json:
    """The whole document."""
    said = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    made: Json = _replaced(said, _NULL, None)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, path)
            _show_examples(operation, schemas)
    return made


def _complete(operation: Json, method: str, path: str) -> None:
    responses: Json = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    for status, codes in _general(operation, method, path).items():
        known = responses.get(str(status))
        responses[str(status)] = _refused(status, (*_codes(known), *codes))
    _name_parameters(operation, path)
    if operation.get("security") and method in ("post", "put", "delete"):
        operation.setdefault("parameters", []).append(_KEY)
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-Id"] = _REQUEST_ID
    operation["responses"] = dict(sorted(responses.items()))


def _name_parameters(operation: Json, path: str) -> None:
    """Every part of the path that is a parameter, also where the route does not look at it."""
    known = {parameter["name"] for parameter in operation.get("parameters", ())}
    for name in _PARAMETER.findall(path):
        if name not in known:
            parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            operation.setdefault("parameters", []).append(parameter)


def _general(operation: Json, method: str, path: str) -> dict[int, tuple[str, ...]]:
    """The refusals that follow from what an operation is."""
    found: dict[int, tuple[str, ...]] = {500: ("internal_error",)}
    if "requestBody" in operation:
        found |= {status: (code,) for status, code in _BODY_CODES.items()}
    if not operation.get("security"):
        return found
    found |= {status: (code,) for status, code in _CALLER_CODES.items()}
    if "requestBody" in operation:
        found[415] = ("unsupported_media_type",)
    if "requestBody" in operation or operation.get("parameters"):
        found[422] = ("invalid_fields",)
    if "{" in path or path.startswith(("/v1/agency", "/v1/portal", "/v1/usage")):
        found[404] = ("not_found",)
    if method in ("post", "put", "delete"):
        found[409] = _KEY_CODES
        found[422] = ("invalid_fields",)
    return found


def _refused(status: int, codes: Iterable[str]) -> Json:
    named = {code: {"value": _problem(status, code)} for code in dict.fromkeys(codes)}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(named)}",
        "content": {MEDIA_TYPE: {"schema": schema, "examples": named}},
    }


def _codes(response: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(response["content"][MEDIA_TYPE]["examples"]) if response else ()


def _problem(status: int, code: str) -> Json:
    phrase = HTTPStatus(status).phrase
    body: Json = {
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "code": code,
        "detail": SENTENCES.get(code, f"{phrase}."),
    }
    return {**body, "errors": _ERRORS} if code == "invalid_fields" else body


def _show_examples(operation: Json, schemas: Mapping[str, Json]) -> None:
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for body in (*bodies, *operation["responses"].values()):
        media = body.get("content", {}).get("application/json")
        if media and "example" not in media and "examples" not in media:
            media["example"] = _example(media.get("schema", {}), schemas)


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Json]) -> object:
    """An example that fits the schema: its own, or one made of its parts' examples."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    if schema.get("type") == "object":
        return {name: _example(part, schemas) for name, part in schema.get("properties", {}).items()}
    return None
