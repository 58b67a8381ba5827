"""What an agency's summary is asked of, so that it does not read all that the agency ever billed."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("CREATE INDEX invoices_settled ON invoices (agency_id, settled_at)")
    op.execute("""
        CREATE INDEX payment_attempts_failed ON payment_attempts (agency_id, settled_at)
        WHERE result IN ('declined', 'action_required')
    """)
