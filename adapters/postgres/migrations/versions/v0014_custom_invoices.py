"""Custom invoices: rows that are collected by a workflow as subscriptions are, without a plan.

Without `plan_id` a row of `subscriptions` is a custom invoice: nothing is served, and its status says so from its
beginning.
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE subscriptions ALTER COLUMN plan_id DROP NOT NULL, ALTER COLUMN plan_version DROP NOT NULL,
            ADD CHECK ((plan_id IS NULL) = (plan_version IS NULL)),
            ADD CHECK (plan_id IS NOT NULL OR status = 'cancelled')
    """)
    op.execute("""
        ALTER TABLE invoice_lines DROP CONSTRAINT invoice_lines_kind_check,
            ADD CHECK (kind IN ('price', 'overage', 'late_calls', 'correction', 'credit', 'custom'))
    """)
    op.execute("ALTER TABLE invoices ADD COLUMN due_at timestamptz")
