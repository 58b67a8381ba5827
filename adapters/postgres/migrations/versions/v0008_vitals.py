"""What a look at the whole system asks for, so often that it may cost nothing: what is stuck, and what is unread."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # A column and not an expression in the index: it rarely changes, so that a new state touches no index.
    op.execute("""
        ALTER TABLE subscriptions ADD COLUMN stuck boolean NOT NULL GENERATED ALWAYS AS (
            coalesce(state->'parked' <> '[]'::jsonb OR state->'backoff' <> '[]'::jsonb, false)
        ) STORED
    """)
    op.execute("CREATE INDEX subscriptions_stuck ON subscriptions (id) WHERE stuck AND NOT finished")
    op.execute("""
        CREATE INDEX inbox_readers_unread ON inbox_readers (inbox_id) WHERE read_at IS NULL AND acked_at IS NULL
    """)
