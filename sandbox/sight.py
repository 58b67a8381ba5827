"""One client as the sandbox knows it: its card and how that behaves, its open invoices' pages at Stripe, and whether a
bank has still to answer."""

from typing import Any, Final

from adapters.postgres.pool import Pool
from api.problems import NotFound
from sandbox.emulator import EmulatorRefused
from sandbox.stack import Sandbox

Json = dict[str, Any]
_CLIENT: Final = """
    SELECT clients.id, clients.name, clients.external_id, clients.card, agencies.id AS agency_id,
           agencies.name AS agency, agencies.timezone AS zone,
           (SELECT customer_id FROM customers WHERE client_id = clients.id ORDER BY created_at DESC LIMIT 1) AS customer
    FROM clients JOIN agencies ON agencies.id = clients.agency_id WHERE clients.id = $1
"""
_OPEN: Final = """
    SELECT id, number, hosted_url AS page FROM invoices
    WHERE client_id = $1 AND status = 'open' AND hosted_url IS NOT NULL ORDER BY created_at DESC LIMIT 5
"""


_BEING_CHECKED: Final = """
    SELECT DISTINCT i.provider_id FROM invoices i JOIN payment_attempts a ON a.invoice_id = i.id
    WHERE i.client_id = $1 AND a.result IS NULL AND i.provider_id IS NOT NULL ORDER BY i.provider_id
"""


async def being_checked(pool: Pool, client_id: str) -> list[str]:
    """The client's invoices at Stripe of whose payment nobody has said what came of it."""
    return [row["provider_id"] for row in await pool.fetch(_BEING_CHECKED, client_id)]


async def client_seen(sandbox: Sandbox, client_id: str) -> Json:
    """Raises NotFound."""
    found = await sandbox.pool.fetchrow(_CLIENT, client_id)
    if found is None:
        raise NotFound("There is no such client.")
    known = dict(found)
    card, customer = known.pop("card"), known.pop("customer")
    behaviour = await _behaviour(sandbox, customer) if card else None
    shown = {"brand": card["brand"], "last4": card["last4"], "behaviour": behaviour} if card else None
    invoices = [dict(row) for row in await sandbox.pool.fetch(_OPEN, client_id)]
    waits = bool(await being_checked(sandbox.pool, client_id))
    return {**known, "card": shown, "open_invoices": invoices, "being_checked": waits}


async def _behaviour(sandbox: Sandbox, customer: str) -> str | None:
    """None when Stripe has taken the card off."""
    try:
        said: str = (await sandbox.emulator.ask(f"cards/{customer}"))["behaviour"]
    except EmulatorRefused:
        return None
    return said
