"""Plans that gain versions, are archived, and are made of a price that exists at Stripe."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE plans ADD COLUMN archived_at timestamptz")
    op.execute("ALTER TABLE plan_versions ADD COLUMN imported boolean NOT NULL DEFAULT false")
    # Which request made the version: the same one, asked again after a crash, makes no second.
    op.execute("ALTER TABLE plan_versions ADD COLUMN request text, ADD UNIQUE (plan_id, request)")
    op.execute("""
        CREATE UNIQUE INDEX plan_versions_imported_once ON plan_versions (account_id, price_id) WHERE imported
    """)
