"""PDFs of invoices, kept once they were fetched: Stripe's links to them expire (billing-rules 9)."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE invoice_pdfs (
            invoice_id text PRIMARY KEY,
            agency_id text NOT NULL,
            status text NOT NULL CHECK (status IN ('open', 'paid', 'void', 'uncollectible')),
            content bytea NOT NULL,
            fetched_at timestamptz NOT NULL,
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
