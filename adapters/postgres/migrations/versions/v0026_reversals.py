"""Findings about refunds and disputes."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE findings DROP CONSTRAINT findings_kind_check, ADD CONSTRAINT findings_kind_check CHECK (kind IN (
            'invoice_unknown', 'invoice_missing', 'invoice_status_differs', 'invoice_amount_differs',
            'payment_unexplained', 'payment_missing', 'account_differs',
            'refund_unknown', 'refund_missing', 'refund_status_differs', 'refund_amount_differs',
            'dispute_unknown', 'dispute_missing', 'dispute_status_differs', 'dispute_amount_differs'
        ))
    """)
    # By account and time, as reconciliation looks for them.
    op.execute("CREATE INDEX refunds_of_account ON refunds (account_id, created_at)")
    op.execute("CREATE INDEX disputes_of_account ON disputes (account_id, created_at)")
