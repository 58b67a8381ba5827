"""One unit of work on one account: the objects it reads, changes and announces, written together or not at all."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.stripe.clock import Clock
from sandbox.stripe.errors import MissingResource
from sandbox.stripe.ids import new_id
from sandbox.stripe.store import Record, Store, Window
from sandbox.stripe.types import Json

API_VERSION = "2026-10-28.endive"
LINES_SHOWN = 10

# What Stripe calls each kind in "No such …".
NOUNS = {
    "payment_method": "PaymentMethod",
    "line_item": "invoice line item",
    "tax_rate": "tax rate",
    "credit_note": "credit note",
    "invoice_payment": "invoice payment",
    "webhook_endpoint": "webhook endpoint",
    "balance_transaction": "balance transaction",
}


@dataclass(frozen=True)
class Site:
    """What every unit of work shares: where state lives, what time it is, who the platform is."""

    store: Store
    clock: Clock
    base_url: str
    platform: str
    salt: str
    application: str


class Work:
    """Reads and changes one account's objects; `flush` writes what changed inside the caller's transaction."""

    def __init__(
        self, site: Site, account: str, *, request_id: str | None = None, idempotency_key: str | None = None
    ) -> None:
        self.site = site
        self.account = account
        self.now = site.clock.now()
        self.request_id = request_id
        self.idempotency_key = idempotency_key
        self._seen: dict[str, Record] = {}

    @property
    def is_connected(self) -> bool:
        """Whether this account is one of the platform's connected accounts."""
        return self.account != self.site.platform

    @cached_property
    def _webhook_endpoints(self) -> list[Record]:
        return self.site.store.select("webhook_endpoint", account=self.site.platform)

    def find(self, kind: str, object_id: str | None) -> Record | None:
        """The object, when this account has it; a deleted one is a stub."""
        record = self.any_account(kind, object_id)
        return record if record is not None and record.account == self.account else None

    def any_account(self, kind: str, object_id: str | None) -> Record | None:
        """The object, whoever owns it: for what the platform and a connected account share."""
        if not object_id:
            return None
        record = self._seen.get(object_id) or self.site.store.load(object_id)
        if record is None or record.kind != kind:
            return None
        return self._seen.setdefault(record.id, record)

    def require(self, kind: str, object_id: str, *, param: str = "id", in_path: bool = False) -> Record:
        """The object, or Stripe's refusal; a deleted one is only a stub that its own path still shows."""
        record = self.find(kind, object_id)
        if record is None or (record.body.get("deleted") and not in_path):
            raise MissingResource(NOUNS.get(kind, kind), object_id, param=param, in_path=in_path)
        return record

    def create(self, kind: str, body: Json, hidden: Json | None = None, *, account: str | None = None) -> Record:
        """A new object; kind, id and instant are set here."""
        identity = {"id": new_id(kind), "object": kind, "created": self.now}
        record = Record(account or self.account, kind, {**identity, **body}, hidden or {})
        self._seen[record.id] = record
        return record

    def select(self, kind: str, window: Window | None = None, **equal: Any) -> list[Record]:
        """This account's objects of a kind, newest first, with what this unit has changed so far."""
        self.flush()
        found = self.site.store.select(kind, window, account=self.account, **equal)
        return [self._seen.setdefault(record.id, record) for record in found]

    def delete(self, record: Record) -> None:
        """Remove an object without a trace in the books; events about it stay."""
        self._seen.pop(record.id, None)
        self.site.store.delete(record)

    def flush(self) -> None:
        """Write everything new or changed, in the order in which it was first touched."""
        for record in self._seen.values():
            self.site.store.save(record)

    def emit(
        self, event_type: str, record: Record, *, previous: Json | None = None, account: str | None = None
    ) -> None:
        """Announce what happened to an object, as it is now, to every endpoint that listens."""
        owner = account or self.account
        data: Json = {"object": shown(record)}
        if previous is not None:
            data["previous_attributes"] = previous
        body: Json = {
            "api_version": API_VERSION,
            "data": data,
            "livemode": False,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": event_type,
        }
        if owner != self.site.platform:
            body["account"] = owner
        event = self.create("event", body, {"label": event_type, "parent": record.body.get("id")}, account=owner)
        self._queue_deliveries(event)

    def emit_updated(self, event_type: str, record: Record, *, account: str | None = None) -> None:
        """Announce a change together with the values that were there when this unit of work read the object."""
        previous = changed_values(shown(record.before()), shown(record))
        self.emit(event_type, record, previous=previous, account=account)

    def _queue_deliveries(self, event: Record) -> None:
        store, due_at = self.site.store, self.site.clock.wall()
        connect = "account" in event.body
        held = int(store.setting("webhook_mode", "normal") == "hold")
        for endpoint in self._webhook_endpoints:
            wanted = endpoint.body["enabled_events"]
            if endpoint.hidden["connect"] == connect and ("*" in wanted or event.body["type"] in wanted):
                store.execute(
                    "INSERT INTO deliveries (event, endpoint, due_at, first_due_at, held) VALUES (?, ?, ?, ?, ?)",
                    event.id, endpoint.id, due_at, due_at, held,
                )  # fmt: skip


def shown(record: Record) -> Json:
    """The object as the API shows it unexpanded, safe to change."""
    body: Json = json.loads(json.dumps(record.body))
    if record.kind == "invoice" and not body.get("deleted"):
        lines = record.hidden["lines"]
        body["lines"] = listed(lines[:LINES_SHOWN], f"/v1/invoices/{record.id}/lines", len(lines))
    return body


def listed(data: list[Json], url: str, total: int | None = None) -> Json:
    """A list object."""
    more = total is not None and total > len(data)
    return {"object": "list", "data": json.loads(json.dumps(data)), "has_more": more, "url": url}


def changed_values(before: Json, after: Json) -> Json:
    """What a changed object's fields held before; inside nested objects only the fields that differ."""
    previous: Json = {}
    for name, old in before.items():
        new = after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if nested := changed_values(old, new):
                previous[name] = nested
        elif old != new:
            previous[name] = old
    previous.update({name: None for name in after if name not in before})
    return previous
