"""Who is signed in with a browser: one session for each hand-over of the platform."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    # Instants of the system's clock, as in tokens. The cookie's secret and the token's own id are here as hashes only.
    # The client's id is no foreign key: it is what a token said, and whether there is such a client is asked each time.
    op.execute("""
        CREATE TABLE browser_sessions (
            id text PRIMARY KEY,
            hand_over text NOT NULL CONSTRAINT browser_sessions_one_for_a_hand_over UNIQUE,
            role text NOT NULL,
            subject text NOT NULL,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            permissions text[] NOT NULL,
            opened_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX browser_sessions_by_end ON browser_sessions (ends_at)")
