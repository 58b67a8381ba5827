"""Disputes of payments, as Stripe has them: what they are of stands, and none is forgotten."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE disputes (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            invoice_id text NOT NULL,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            provider_id text NOT NULL,
            charge_id text NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            currency text NOT NULL,
            status text NOT NULL CHECK (status IN ('warning', 'open', 'warning_closed', 'won', 'lost')),
            reason text NOT NULL,
            card_identity text,
            evidence_due_at timestamptz,
            created_at timestamptz NOT NULL,
            closed_at timestamptz,
            UNIQUE (agency_id, id),
            UNIQUE (account_id, provider_id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id),
            CHECK ((status IN ('warning', 'open')) = (closed_at IS NULL))
        )
    """)
    op.execute("CREATE INDEX disputes_of_invoice ON disputes (invoice_id, created_at, id)")
    op.execute("""
        CREATE TRIGGER disputes_never_deleted BEFORE DELETE ON disputes
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TRIGGER disputes_stand BEFORE UPDATE ON disputes FOR EACH ROW EXECUTE FUNCTION
        keep_columns('id', 'agency_id', 'invoice_id', 'account_id', 'provider_id', 'charge_id', 'currency',
                     'card_identity', 'created_at')
    """)
