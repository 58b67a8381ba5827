"""Trouble on purpose: faults of calls, disorder of webhooks, rate limits, forgotten idempotency keys."""

from starlette.requests import Request
from starlette.routing import Route

from sandbox.stripe.acting import perform
from sandbox.stripe.api import Api
from sandbox.stripe.control.calls import BadCall, field, member, read_json, required, route, seconds
from sandbox.stripe.faults import EVERY_CALL, Fault
from sandbox.stripe.routing import router
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Mode, Webhooks, create_webhook_endpoint
from sandbox.stripe.work import Site, Work

PRUNE_KEYS = "prune_keys"
DEFAULT_DELAY_SECONDS = 1.0


class Trouble:
    """Faults, webhooks and limits."""

    def __init__(self, site: Site, api: Api, webhooks: Webhooks) -> None:
        self._site = site
        self._api = api
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        return [
            route("GET", "/faults", self.list_faults),
            route("POST", "/faults", self.add_fault),
            route("DELETE", "/faults", self.clear_faults),
            route("POST", "/webhooks", self.set_webhooks),
            route("POST", "/webhook_endpoints", self.register_endpoint),
            route("POST", "/limits", self.set_limits),
        ]

    async def list_faults(self, _: Request) -> Json:
        return {"faults": [planned.as_json() for planned in self._api.faults.planned()]}

    async def add_fault(self, request: Request) -> Json:
        body = await read_json(request)
        if body.get("fault") == PRUNE_KEYS:
            with self._site.store.transaction():
                self._api.keys.prune_all()
            return await self.list_faults(request)
        until_deleted = "times" in body and body["times"] is None
        times = None if until_deleted else field(body, "times", int, 1)
        call = field(body, "call", str, EVERY_CALL)
        if call != EVERY_CALL and call not in router.names():
            raise BadCall(f"call: there is no {call!r}")
        self._api.faults.add(call, member(body, "fault", Fault), times, seconds(body, "seconds", DEFAULT_DELAY_SECONDS))
        return await self.list_faults(request)

    async def clear_faults(self, request: Request) -> Json:
        self._api.faults.clear()
        return await self.list_faults(request)

    async def set_webhooks(self, request: Request) -> Json:
        """Unless told otherwise, leaving `hold` releases what was held."""
        body = await read_json(request)
        mode = member(body, "mode", Mode)
        self._webhooks.set_mode(mode, release=field(body, "release", bool, mode != Mode.HOLD))
        due, held = self._webhooks.counts()
        return {"mode": mode, "webhooks_due": due, "webhooks_held": held}

    async def register_endpoint(self, request: Request) -> Json:
        """The same address again replaces its secret and what it listens to."""
        body = await read_json(request)
        url, secret = required(body, "url", str), required(body, "secret", str)
        connect, events = field(body, "connect", bool, False), field(body, "enabled_events", list, ["*"])

        def register(work: Work) -> str:
            for known in work.select("webhook_endpoint", url=url):
                known.hidden.update(secret=secret, connect=connect)
                known.body["enabled_events"] = events
                return known.id
            return create_webhook_endpoint(work, url, connect=connect, enabled_events=events, secret=secret).id

        return {"id": perform(self._site, self._site.platform, register), "url": url, "connect": connect}

    async def set_limits(self, request: Request) -> Json:
        self._api.limits.on = required(await read_json(request), "on", bool)
        return {"on": self._api.limits.on}
