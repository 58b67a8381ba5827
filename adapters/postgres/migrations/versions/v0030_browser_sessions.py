"""Who is signed in with a browser: one session for each hand-over of the platform."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    # Instants of the system's clock, as in tokens. The cookie's secret and the token's own id are here as hashes only.
    op.execute("""
        CREATE TABLE browser_sessions (
            id text PRIMARY KEY,
            hand_over text NOT NULL CONSTRAINT browser_sessions_one_for_a_hand_over UNIQUE,
            role text NOT NULL,
            subject text NOT NULL,
            agency_id text NOT NULL REFERENCES agencies (id),
            client_id text,
            permissions text[] NOT NULL,
            opened_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX browser_sessions_by_end ON browser_sessions (ends_at)")
