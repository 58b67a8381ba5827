"""Whether the invoices in the books hold together: I1 and I2 of billing-rules 10, and the invoices of I3.

Each query finds what is wrong, one sentence a row.
"""

from typing import Final

from adapters.postgres.compared import Compared, counted, figures, sentences
from adapters.postgres.pool import Connection

_PAID_TWICE: Final = """
    SELECT format('%s: %s attempts of ours succeeded', invoice_id, count(*)) FROM payment_attempts
    WHERE result = 'paid' GROUP BY invoice_id HAVING count(*) > 1 ORDER BY invoice_id
"""
_OVERPAID: Final = """
    SELECT format('%s: %s paid of %s due', i.id, i.amount_paid, i.amount_due) FROM invoices i
    WHERE i.amount_paid > i.amount_due ORDER BY i.id
"""
_CHARGED_MORE: Final = """
    SELECT format('%s: attempt %s charged %s of %s', invoice_id, number, charged_amount, amount)
    FROM payment_attempts WHERE result = 'paid' AND charged_amount > amount ORDER BY invoice_id, number
"""
_PAID_AND_OWED: Final = """
    SELECT format('%s: attempt %s paid it, and it is %s', i.id, a.number, i.status)
    FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id
    WHERE a.result = 'paid' AND i.status IN ('draft', 'open', 'uncollectible') ORDER BY i.id, a.number
"""
_REFUNDED_MORE: Final = """
    SELECT format('%s: %s given back of %s paid, its refunds come to %s', i.id, i.amount_refunded, i.amount_paid,
                  given.amount)
    FROM invoices i CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.amount), 0) AS amount FROM refunds r
        WHERE r.invoice_id = i.id AND r.status IN ('pending', 'succeeded')
    ) given
    WHERE i.amount_refunded <> given.amount OR (given.amount > 0 AND given.amount > coalesce(i.amount_paid, 0))
    ORDER BY i.id
"""


_DISPUTED_UNPAID: Final = """
    SELECT format('%s: dispute %s is of its payment, and it is %s', i.id, d.id, i.status)
    FROM disputes d JOIN invoices i ON i.id = d.invoice_id WHERE i.status <> 'paid' ORDER BY i.id, d.id
"""


async def charged_once(connection: Connection) -> Compared:
    """I1: at most one successful attempt per invoice, never more paid than due, nor given back than paid; what is
    disputed is paid."""
    row = await figures(
        connection,
        """
        SELECT count(*) AS invoices, count(*) FILTER (WHERE (
            SELECT count(*) FROM payment_attempts a WHERE a.invoice_id = i.id AND a.result = 'paid') = 1
        ) AS once, (SELECT count(*) FROM refunds) AS refunds,
               (SELECT count(*) FROM disputes) AS disputes FROM invoices i WHERE i.status <> 'draft'
        """,
    )
    found = await sentences(
        connection, _PAID_TWICE, _OVERPAID, _CHARGED_MORE, _PAID_AND_OWED, _REFUNDED_MORE, _DISPUTED_UNPAID
    )
    told = f"{counted(row['invoices'], 'invoice')}, {row['once']} of them paid once by us"
    told += f"; {counted(row['refunds'], 'refund')}, none beyond what was paid; "
    told += f"{counted(row['disputes'], 'dispute')}, each of a paid invoice"
    return Compared("I1", told, found)


_LINES: Final = """
    SELECT format('%s: its lines come to %s, its total is %s', i.id, coalesce(sum(l.amount), 0), i.total)
    FROM invoices i LEFT JOIN invoice_lines l ON l.invoice_id = i.id
    GROUP BY i.id HAVING coalesce(sum(l.amount), 0) <> i.total ORDER BY i.id
"""
_SUBTOTAL: Final = """
    SELECT format('%s: %s at Stripe before tax, %s in our lines', id, provider_subtotal, total) FROM invoices
    WHERE status <> 'draft' AND provider_id IS NOT NULL AND provider_subtotal IS DISTINCT FROM total ORDER BY id
"""
_DUE: Final = """
    SELECT format('%s: %s due, of %s with tax, a balance that went from %s to %s, and %s credited',
                  i.id, i.amount_due, i.provider_total, i.starting_balance, i.ending_balance, credited.amount)
    FROM invoices i CROSS JOIN LATERAL (
        SELECT coalesce(sum(n.before_payment), 0) AS amount FROM credit_notes n
        WHERE n.invoice_id = i.id AND n.status = 'issued'
    ) credited WHERE i.status IN ('open', 'paid', 'uncollectible') AND i.provider_id IS NOT NULL
    AND i.amount_due <> i.provider_total + i.starting_balance - i.ending_balance - credited.amount ORDER BY i.id
"""
_PAID_IN_FULL: Final = """
    SELECT format('%s: paid, with %s of %s', id, amount_paid, amount_due) FROM invoices
    WHERE status = 'paid' AND NOT paid_out_of_band AND amount_paid IS DISTINCT FROM amount_due ORDER BY id
"""
_CREDIT_LINES: Final = """
    SELECT format('%s: %s of credit used, %s in its line, %s taken from credits', i.id, i.credit_used, line.amount,
                  taken.amount)
    FROM invoices i CROSS JOIN LATERAL (
        SELECT coalesce(sum(u.amount), 0) AS amount FROM credit_uses u WHERE u.invoice_id = i.id
    ) taken CROSS JOIN LATERAL (
        SELECT coalesce(-sum(l.amount), 0) AS amount FROM invoice_lines l
        WHERE l.invoice_id = i.id AND l.kind = 'credit'
    ) line WHERE (i.credit_used, i.credit_used) <> (line.amount, taken.amount) ORDER BY i.id
"""
_OVER_CONSUMED: Final = """
    SELECT format('credit %s: %s of %s consumed, its uses come to %s', c.id, c.consumed, c.amount, used.amount)
    FROM credits c CROSS JOIN LATERAL (
        SELECT coalesce(sum(u.amount), 0) AS amount FROM credit_uses u
        WHERE u.credit_id = c.id AND u.given_back_at IS NULL
    ) used WHERE c.consumed <> used.amount OR c.consumed NOT BETWEEN 0 AND c.amount ORDER BY c.id
"""
_ASKED_FOR: Final = """
    SELECT format('%s: a statement, and %s is due of it with %s attempts', i.id, coalesce(i.amount_due, 0),
                  tried.number)
    FROM invoices i CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM payment_attempts a WHERE a.invoice_id = i.id
    ) tried WHERE i.status = 'statement'
    AND (i.provider_id IS NOT NULL OR i.amount_due IS DISTINCT FROM 0 OR tried.number > 0) ORDER BY i.id
"""


async def amounts(connection: Connection) -> Compared:
    """I2: an invoice is its lines, Stripe's subtotal our total, what was paid what was due; credits hold out."""
    row = await figures(
        connection,
        """
        SELECT count(*) AS invoices, count(*) FILTER (WHERE status = 'paid') AS paid,
               (SELECT count(*) FROM invoice_lines) AS lines, (SELECT count(*) FROM credits) AS credits
        FROM invoices
        """,
    )
    told = (
        f"{counted(row['invoices'], 'invoice')} with {counted(row['lines'], 'line')} that sum to their totals, "
        f"{row['paid']} of them paid to the cent; {counted(row['credits'], 'credit')}, none over-consumed"
    )
    checks = (_LINES, _SUBTOTAL, _DUE, _PAID_IN_FULL, _CREDIT_LINES, _OVER_CONSUMED, _ASKED_FOR)
    return Compared("I2", told, await sentences(connection, *checks))


_LIVE_TWICE: Final = """
    SELECT format('%s: %s live invoices for %s %s', subscription_id, count(*), kind, source) FROM invoices
    WHERE status <> 'void' GROUP BY subscription_id, kind, source HAVING count(*) > 1 ORDER BY 1
"""


async def one_live(connection: Connection) -> Compared:
    """I3, invoices: one that is not void per subscription and source."""
    row = await figures(connection, "SELECT count(*) AS live FROM invoices WHERE status <> 'void'")
    told = f"{counted(row['live'], 'live invoice')}, no two for one source"
    return Compared("I3", told, await sentences(connection, _LIVE_TWICE))
