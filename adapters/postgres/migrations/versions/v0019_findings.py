"""What reconciliation found, and how far it has come."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE connected_accounts ADD COLUMN events_until timestamptz, ADD COLUMN reconciled_at timestamptz"
    )
    op.execute("""
        CREATE TABLE reconciliations (
            started_at timestamptz PRIMARY KEY,
            finished_at timestamptz NOT NULL,
            accounts integer NOT NULL CHECK (accounts >= 0),
            failed integer NOT NULL CHECK (failed >= 0)
        )
    """)
    op.execute("""
        CREATE TABLE findings (
            id text PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            kind text NOT NULL CHECK (kind IN (
                'invoice_unknown', 'invoice_missing', 'invoice_status_differs', 'invoice_amount_differs',
                'payment_unexplained', 'payment_missing', 'account_differs'
            )),
            object text NOT NULL,
            invoice_id text,
            client_id text,
            ours text NOT NULL,
            theirs text NOT NULL,
            first_seen_at timestamptz NOT NULL,
            last_seen_at timestamptz NOT NULL,
            resolved_at timestamptz,
            CHECK (last_seen_at >= first_seen_at),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX findings_one_open ON findings (account_id, kind, object) WHERE resolved_at IS NULL
    """)
    op.execute("CREATE INDEX reconciliations_by_end ON reconciliations (finished_at)")
    op.execute("CREATE INDEX findings_of_agency ON findings (agency_id, first_seen_at, id)")
