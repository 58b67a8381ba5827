"""A look inside: is it alive, is anything under way, what was charged, what was asked."""

from starlette.requests import Request
from starlette.routing import Route

from sandbox.stripe.api import REQUESTS_KEPT, Api
from sandbox.stripe.control.calls import BadCall, route
from sandbox.stripe.setups import expire_due_sessions
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.work import API_VERSION, Site

_INVOICE_FIELDS = (
    "id", "customer", "number", "status", "currency", "subtotal", "total", "amount_due", "amount_paid",
    "amount_remaining", "starting_balance", "ending_balance", "attempt_count", "metadata", "created",
)  # fmt: skip
_REFUND_FIELDS = ("id", "charge", "payment_intent", "amount", "currency", "status", "reason", "metadata", "created")
_CREDIT_NOTE_FIELDS = ("id", "invoice", "amount", "currency", "status", "type", "metadata", "created")


class Books:
    """Reads only."""

    def __init__(self, site: Site, api: Api, webhooks: Webhooks) -> None:
        self._site = site
        self._api = api
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        return [
            route("GET", "/health", self.health),
            route("GET", "/pending", self.pending),
            route("GET", "/requests", self.requests),
            route("GET", "/books", self.books),
        ]

    async def health(self, _: Request) -> Json:
        return {
            "status": "ok",
            "api_version": API_VERSION,
            "now": self._site.clock.now(),
            "platform_account": self._site.platform,
        }

    async def pending(self, _: Request) -> Json:
        """What must be zero before one can say that all is at rest."""
        expire_due_sessions(self._site)
        self._webhooks.wake()
        due, held = self._webhooks.counts()
        return {"webhooks_due": due, "webhooks_held": held, "requests_in_flight": self._api.in_flight}

    async def requests(self, request: Request) -> Json:
        """The last API requests, oldest first."""
        limit = request.query_params.get("limit", "100")
        if not limit.isdigit():
            raise BadCall("limit must be a number")
        kept = list(self._api.requests)
        return {"requests": kept[max(0, len(kept) - int(limit)) :], "kept_at_most": REQUESTS_KEPT}

    async def books(self, _: Request) -> Json:
        accounts = [account.id for account in self._site.store.select("account")[::-1]]
        return {"accounts": [self._books_of(account) for account in (self._site.platform, *accounts)]}

    def _books_of(self, account: str) -> Json:
        return {
            "account": account,
            "charges": [_charge(record) for record in self._all(account, "charge")],
            "invoices": [_picked(record, _INVOICE_FIELDS) for record in self._all(account, "invoice")],
            "refunds": [_picked(record, _REFUND_FIELDS) for record in self._all(account, "refund")],
            "credit_notes": [_picked(record, _CREDIT_NOTE_FIELDS) for record in self._all(account, "credit_note")],
        }

    def _all(self, account: str, kind: str) -> list[Record]:
        return self._site.store.select(kind, account=account)[::-1]


def _charge(record: Record) -> Json:
    charge = record.body
    kept = ("id", "amount", "amount_refunded", "currency", "status", "created", "customer", "payment_intent",
            "payment_method", "failure_code")  # fmt: skip
    return {
        **{name: charge[name] for name in kept},
        "application_fee_amount": charge["application_fee_amount"],
        "invoice": record.hidden["invoice"],
        "idempotency_key": record.hidden["idempotency_key"],
        "decline_code": record.hidden["decline_code"],
    }


def _picked(record: Record, fields: tuple[str, ...]) -> Json:
    return {name: record.body[name] for name in fields}
