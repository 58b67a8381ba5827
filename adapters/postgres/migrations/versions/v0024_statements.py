"""Manual collection: statements are invoices of the books alone, and need no account at Stripe."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE invoices DROP CONSTRAINT invoices_status_check,
            ADD CONSTRAINT invoices_status_check
                CHECK (status IN ('draft', 'open', 'paid', 'void', 'uncollectible', 'statement')),
            ALTER COLUMN account_id DROP NOT NULL, ALTER COLUMN customer_id DROP NOT NULL,
            ADD CONSTRAINT invoices_of_an_account CHECK (
                num_nulls(account_id, customer_id) = 0
                OR (num_nulls(account_id, customer_id) = 2 AND status IN ('draft', 'statement', 'void'))
            ),
            ADD CONSTRAINT invoices_statement_is_ours CHECK (
                status <> 'statement' OR (provider_id IS NULL AND amount_due = 0)
            )
    """)
    op.execute("""
        ALTER TABLE subscriptions ALTER COLUMN account_id DROP NOT NULL, ALTER COLUMN customer_id DROP NOT NULL,
            ADD CONSTRAINT subscriptions_whole_account CHECK (num_nulls(account_id, customer_id) <> 1)
    """)
