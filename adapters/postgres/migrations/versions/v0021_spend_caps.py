"""Spend caps: of the subscription's state, where reports of calls read it with the rollup."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE subscriptions
            ADD COLUMN cap_amount bigint CHECK (cap_amount >= 0),
            ADD COLUMN cap_action text CHECK (cap_action IN ('notify', 'block')),
            ADD COLUMN cap_since timestamptz,
            ADD CONSTRAINT subscriptions_whole_cap CHECK (num_nulls(cap_amount, cap_action, cap_since) IN (0, 3))
    """)
