"""Credit notes, as Stripe has them: amounts and what they belong to stand, and one that is void stays so."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE credit_notes (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            invoice_id text NOT NULL,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            order_id text,
            provider_id text NOT NULL,
            number text NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            before_payment bigint NOT NULL CHECK (before_payment BETWEEN 0 AND amount),
            currency text NOT NULL,
            status text NOT NULL CHECK (status IN ('issued', 'void')),
            reason text,
            memo text,
            created_at timestamptz NOT NULL,
            UNIQUE (agency_id, id),
            UNIQUE (account_id, provider_id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX credit_notes_of_invoice ON credit_notes (invoice_id, created_at, number)")
    op.execute("""
        CREATE TRIGGER credit_notes_never_deleted BEFORE DELETE ON credit_notes
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TRIGGER credit_notes_stand BEFORE UPDATE ON credit_notes FOR EACH ROW EXECUTE FUNCTION
        keep_columns('id', 'agency_id', 'invoice_id', 'account_id', 'order_id', 'provider_id', 'number', 'amount',
                     'before_payment', 'currency', 'created_at')
    """)
    op.execute("""
        CREATE TRIGGER credit_notes_end BEFORE UPDATE ON credit_notes FOR EACH ROW WHEN (OLD.status = 'void')
        EXECUTE FUNCTION keep_columns('status')
    """)
