"""Whether a row of one agency or client points to another's: I8 of billing-rules 10, as the books show it.

Foreign keys hold most of it. Here every table that names an agency is looked at, whichever tables there are.
"""

from typing import Final

from adapters.postgres.compared import Compared, counted, figures, sentences
from adapters.postgres.pool import Connection

_NAMED: Final = {
    "client_id": ("clients", "id"),
    "account_id": ("connected_accounts", "account_id"),
    "plan_id": ("plans", "id"),
    "subscription_id": ("subscriptions", "id"),
    "invoice_id": ("invoices", "id"),
    "settled_by": ("invoices", "id"),
    "credit_id": ("credits", "id"),
    "notification_id": ("notifications", "id"),
    "endpoint_id": ("webhook_endpoints", "id"),
}
"""What a column of this name points to."""

_TABLES: Final = """
    SELECT c.relname::text AS table_name, array_agg(a.attname::text) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    GROUP BY c.relname HAVING 'agency_id' = ANY (array_agg(a.attname::text)) ORDER BY c.relname
"""
_CUSTOMERS: Final = """
    SELECT format('%s of %s bills customer %s of %s', r.id, r.client_id, r.customer_id, coalesce(c.client_id, 'nobody'))
    FROM (SELECT id, client_id, account_id, customer_id FROM subscriptions
          UNION ALL SELECT id, client_id, account_id, customer_id FROM invoices) r
    LEFT JOIN customers c ON (c.account_id, c.customer_id) = (r.account_id, r.customer_id)
    WHERE c.client_id IS DISTINCT FROM r.client_id AND num_nonnulls(r.account_id, r.customer_id) > 0 ORDER BY r.id
"""
_STATES: Final = """
    SELECT format('%s of %s, %s: its state is of %s, %s', id, agency_id, client_id, state ->> 'agency',
                  state ->> 'client')
    FROM subscriptions WHERE (state ->> 'id', state ->> 'agency', state ->> 'client', state ->> 'account')
    IS DISTINCT FROM (id, agency_id, client_id, coalesce(account_id, '')) ORDER BY id
"""
# Once calls of the agency are retired, a correction may be of one of them.
_CORRECTIONS: Final = """
    SELECT format('correction %s of %s: it has no call %s', k.correction_id, k.agency_id, k.call_id)
    FROM corrections k LEFT JOIN calls c USING (agency_id, call_id) WHERE c.call_id IS NULL
    AND NOT EXISTS (SELECT FROM sealed_usage s WHERE s.agency_id = k.agency_id) ORDER BY 1
"""
_ATTEMPTS: Final = """
    SELECT format('%s, attempt %s: made by %s for %s', a.invoice_id, a.number, a.subscription_id, i.subscription_id)
    FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id WHERE a.subscription_id <> i.subscription_id
    ORDER BY a.invoice_id, a.number
"""
_READERS: Final = """
    SELECT format('event %s of %s is read by %s of %s', i.event_id, a.agency_id, r.subscription_id, r.agency_id)
    FROM inbox_readers r JOIN inbox i ON i.id = r.inbox_id JOIN connected_accounts a ON a.account_id = i.account
    WHERE a.agency_id <> r.agency_id ORDER BY i.id
"""


async def kept_apart(connection: Connection) -> Compared:
    """I8: every row is of the agency, and of the client, that what it points to is of."""
    tables = {row["table_name"]: set(row["columns"]) for row in await connection.fetch(_TABLES)}
    pointers = [
        _stranger(table, column, clients={"client_id"} <= tables[table] & tables[target], target=target, key=key)
        for table, columns in tables.items()
        for column, (target, key) in _NAMED.items()
        if column in columns and target != table
    ]
    row = await figures(
        connection, "SELECT (SELECT count(*) FROM agencies) AS agencies, (SELECT count(*) FROM clients) AS clients"
    )
    told = (
        f"{counted(row['agencies'], 'agency', 'agencies')} with {counted(row['clients'], 'client')}: "
        "no row of one points to what is another's"
    )
    checks = (*pointers, _CUSTOMERS, _STATES, _CORRECTIONS, _ATTEMPTS, _READERS)
    return Compared("I8", told, await sentences(connection, *checks))


def _stranger(table: str, column: str, *, clients: bool, target: str, key: str) -> str:
    of_row = "r.agency_id || ', ' || r.client_id" if clients else "r.agency_id"
    of_target = "o.agency_id || ', ' || o.client_id" if clients else "o.agency_id"
    return f"""
        SELECT format('{table} of %s: its {column} %s is of %s', {of_row}, r.{column}, coalesce({of_target}, 'nobody'))
        FROM {table} r LEFT JOIN {target} o ON o.{key} = r.{column}
        WHERE r.{column} IS NOT NULL AND ({of_row}) IS DISTINCT FROM ({of_target}) ORDER BY 1
    """
