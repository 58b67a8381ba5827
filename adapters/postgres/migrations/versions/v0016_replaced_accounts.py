"""When another account took the place of one that was left: nothing of the old one is collected any more."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE account_freezes ADD COLUMN replaced_at timestamptz
        CHECK (replaced_at IS NULL OR (replaced_at >= frozen_at AND account_id IS NOT NULL))
    """)
