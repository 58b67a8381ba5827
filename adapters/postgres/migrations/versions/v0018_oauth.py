"""Links to Stripe's consent page: each is good once, and for a few minutes."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    # Instants of the system's clock: they end links, and bill nothing.
    op.execute("""
        CREATE TABLE oauth_links (
            id text PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            return_url text NOT NULL,
            created_at timestamptz NOT NULL,
            used_at timestamptz
        )
    """)
