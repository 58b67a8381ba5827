"""What must always be true (billing-rules 10), as far as the books alone can show it: I1 to I8.

What only Stripe or the workflows can contradict is compared elsewhere, in the same form.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from adapters.postgres.agencies import SELLING_TIERS
from adapters.postgres.codec import decode_state
from adapters.postgres.compared import Compared, counted, figures, sentences
from adapters.postgres.freezes import OF_LEFT_ACCOUNT
from adapters.postgres.invoice_checks import amounts, charged_once, one_live
from adapters.postgres.period_checks import closed_stands, contiguous
from adapters.postgres.pool import Connection, Pool, snapshot
from adapters.postgres.tenant_checks import kept_apart
from adapters.postgres.usage_checks import counted_once
from billing import debt
from billing.ledger import CARD_DISPUTED
from billing.service import awaits_final_action
from billing.state import State, Status


async def examine(pool: Pool) -> list[Compared]:
    """Every invariant, in order, on one consistent snapshot. Reads only, beside whatever else goes on."""
    async with snapshot(pool) as connection:
        return await examined(connection)


async def examined(connection: Connection) -> list[Compared]:
    """Every invariant, in order, as the connection's transaction sees the books."""
    return [await look(connection) for look in _LOOKS]


_OPEN: Final = f"""
    SELECT i.id, s.state, EXISTS (
        SELECT 1 FROM payment_attempts a WHERE a.invoice_id = i.id AND a.result IS NULL
    ) AS attempted
    FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id
    WHERE i.status = 'open' AND NOT {OF_LEFT_ACCOUNT} ORDER BY i.id
"""

_NEVER_THAWED: Final = """
    SELECT format('%s stands still, though its %s', coalesce(f.account_id, f.agency_id),
                  CASE WHEN f.account_id IS NULL THEN 'tier includes billing' ELSE 'account can charge' END)
    FROM account_freezes f JOIN agencies g ON g.id = f.agency_id
    LEFT JOIN connected_accounts a ON a.account_id = f.account_id
    WHERE f.thawed_at IS NULL AND CASE WHEN f.account_id IS NULL THEN g.tier = ANY ($1) ELSE a.state = 'active' END
    ORDER BY f.id
"""


async def _owned(connection: Connection) -> Compared:
    """I6: every open invoice has an owner, and none waits for a thaw that has been."""
    owners: Counter[str] = Counter()
    wrong = []
    async for row in connection.cursor(_OPEN):
        owner = _owner(decode_state(row["state"]), row["id"], attempted=row["attempted"])
        if owner:
            owners[owner] += 1
        else:
            wrong.append(f"{row['id']} is open, and nobody collects it")
    of_all = owners.total() + len(wrong)
    wrong += [row[0] for row in await connection.fetch(_NEVER_THAWED, list(SELLING_TIERS))]
    owned = ", ".join(f"{number} with {owner}" for owner, number in sorted(owners.items()))
    told = counted(of_all, "open invoice") + (f": {owned}" if owned else "")
    return Compared("I6", told, tuple(wrong))


def _owner(s: State, invoice: str, *, attempted: bool) -> str | None:
    """Who sees to it that the invoice is paid, or given up; none when nobody does."""
    owed = debt.owed(s, invoice)
    if owed is None:
        return None
    if attempted or s.attempt or s.sweep:
        return "an attempt in flight"
    if any(parked.invoice == invoice for parked in s.parked):
        return "a person, parked"
    if s.ladder and (s.ladder.next_at or awaits_final_action(s)):
        return "a ladder with a next date"
    if s.custom:
        return "a custom invoice, sent" if s.custom.sent else "a custom invoice"
    if s.status in (Status.PAST_DUE, Status.PAUSED, Status.CANCELLED):
        return f"a {s.status.value.replace('_', ' ')} subscription"
    if s.freezes:
        return "a frozen subscription"
    # The oldest is tried first, and the rest after it.
    return "a first attempt that is due" if any(i.due for i in s.debt) else None


_ATTEMPTS: Final = """
    WITH attempts AS (
        SELECT p.*, i.client_id, i.account_id FROM payment_attempts p JOIN invoices i ON i.id = p.invoice_id
        WHERE p.result IS DISTINCT FROM 'not_made'
    )
"""
"""A card is the client's in one account, whichever of its subscriptions tries it."""
_AFTER_HARD: Final = f"""
    {_ATTEMPTS}
    SELECT format('%s, attempt %s: card %s was declined hard at attempt %s on %s', later.invoice_id, later.number,
                  later.card_identity, hard.number, hard.invoice_id)
    FROM attempts hard JOIN attempts later USING (client_id, account_id, card_identity)
    WHERE hard.decline_class = 'hard' AND later.attempted_at > hard.attempted_at
    ORDER BY later.invoice_id, later.number
"""
_TOO_OFTEN: Final = f"""
    {_ATTEMPTS}
    SELECT format('%s: card %s was tried %s times in the %s days to %s', client_id, card_identity, tries,
                  {debt.CARD_WINDOW.days}, attempted_at)
    FROM (
        SELECT client_id, card_identity, attempted_at, count(*) OVER (
            PARTITION BY client_id, account_id, card_identity ORDER BY attempted_at
            RANGE BETWEEN interval '{debt.CARD_WINDOW.days} days' - interval '1 microsecond' PRECEDING AND CURRENT ROW
        ) AS tries
        FROM attempts
    ) windows WHERE tries > {debt.CARD_CAP} ORDER BY client_id, attempted_at
"""


_UNHEARD: Final = """
    SELECT format('%s: dispute %s of a payment with its client''s card is no news of its', s.id, d.id)
    FROM disputes d JOIN invoices i ON i.id = d.invoice_id
    JOIN subscriptions s ON (s.client_id, s.account_id) = (i.client_id, d.account_id)
    WHERE d.card_identity IS NOT NULL AND NOT s.finished
    AND NOT coalesce(s.state -> 'disputed', '[]') @> jsonb_build_array(
        jsonb_build_object('dispute', d.id, 'lifted', d.lifted_at IS NOT NULL)
    )
    AND NOT EXISTS (
        SELECT FROM inbox n WHERE n.account = '' AND n.type = $1 AND n.object_id = s.id AND n.done_at IS NULL
        AND n.payload ->> 'dispute' = d.id
    ) ORDER BY s.id, d.id
"""


async def _cards_spared(connection: Connection) -> Compared:
    """I7: no card is tried by us after a hard decline on it, nor more often than the cap allows; and who might try a
    disputed one knows that it is."""
    row = await figures(
        connection,
        f"""
        {_ATTEMPTS}
        SELECT count(*) AS attempts, count(DISTINCT (client_id, account_id, card_identity)) AS cards,
               count(*) FILTER (WHERE decline_class = 'hard') AS hard
        FROM attempts
        """,
    )
    told = (
        f"{counted(row['attempts'], 'attempt')} on {counted(row['cards'], 'card')}: "
        f"{counted(row['hard'], 'hard decline')}, no card tried after one or more than {debt.CARD_CAP} times in "
        f"{debt.CARD_WINDOW.days} days"
    )
    wrong = await sentences(connection, _AFTER_HARD, _TOO_OFTEN)
    unheard = await connection.fetch(_UNHEARD, CARD_DISPUTED)
    return Compared("I7", told, (*wrong, *(row[0] for row in unheard)))


_LOOKS: Final[Sequence[Callable[[Connection], Awaitable[Compared]]]] = (
    charged_once,
    amounts,
    one_live,
    contiguous,
    counted_once,
    closed_stands,
    _owned,
    _cards_spared,
    kept_apart,
)
