"""A caller of an HTTP API of ours: JSON in, JSON out, refusals as exceptions."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx

TIMEOUT_SECONDS = 180.0
"""An advance over months answers when all is at rest."""
READY_SECONDS = 2.0
"""A server that is asked whether it can be used answers at once, or is asked again."""


def http_client(base: str, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client of one server. Loading the machine's certificates takes 30 ms, and plain http needs none."""
    secure = base.startswith("https:")
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=timeout_seconds, verify=secure)


class ApiRefused(Exception):
    """An answer that is no success, with the API's own words for it."""

    def __init__(self, method: str, path: str, reply: httpx.Response) -> None:
        problem: dict[str, Any] = reply.json() if "json" in reply.headers.get("content-type", "") else {}
        self.status = reply.status_code
        self.code: str = problem.get("code", "")
        self.detail: str = problem.get("detail", reply.text)
        self.named = [f"{error['field']}: {error['detail']}" for error in problem.get("errors", ())]
        super().__init__(f"{method} {path}: {self.status} {self.code} {self.detail} {self.named or ''}")


class Caller:
    """One base address and one token; closed with the block."""

    def __init__(self, base: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = http_client(base, TIMEOUT_SECONDS, headers)

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str | int) -> Any:
        return self._answer(await self._http.get(path, params=query), "GET", path)

    async def post(self, path: str, body: object) -> Any:
        return self._answer(await self._http.post(path, json=body), "POST", path)

    async def put(self, path: str, body: object) -> Any:
        return self._answer(await self._http.put(path, json=body), "PUT", path)

    async def patch(self, path: str, body: object) -> Any:
        return self._answer(await self._http.patch(path, json=body), "PATCH", path)

    async def delete(self, path: str) -> Any:
        return self._answer(await self._http.delete(path), "DELETE", path)

    @staticmethod
    def _answer(reply: httpx.Response, method: str, path: str) -> Any:
        if not reply.is_success:
            raise ApiRefused(method, path, reply)
        return reply.json()
