"""When an agency's account could not charge, or its tier did not include billing: what its subscriptions wait for."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE account_freezes (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            account_id text REFERENCES connected_accounts (account_id),
            cause text NOT NULL CHECK (cause IN ('restricted', 'disconnected', 'tier')),
            frozen_at timestamptz NOT NULL,
            thawed_at timestamptz CHECK (thawed_at >= frozen_at),
            CHECK ((account_id IS NULL) = (cause = 'tier'))
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX account_freezes_one_open ON account_freezes (account_id)
        WHERE thawed_at IS NULL AND account_id IS NOT NULL
    """)
    op.execute("""
        CREATE UNIQUE INDEX account_freezes_one_open_by_tier ON account_freezes (agency_id)
        WHERE thawed_at IS NULL AND account_id IS NULL
    """)
    # Whose account can't charge, or whose tier has fallen, when this version comes: its subscriptions learn of it when
    # they next try to charge or read.
    op.execute("""
        INSERT INTO account_freezes (agency_id, account_id, cause, frozen_at)
        SELECT a.agency_id, a.account_id, CASE a.state WHEN 'disconnected' THEN 'disconnected' ELSE 'restricted' END,
               a.updated_at
        FROM connected_accounts a WHERE a.state <> 'active' AND EXISTS (
            SELECT FROM subscriptions s WHERE s.account_id = a.account_id
        )
    """)
    op.execute("""
        INSERT INTO account_freezes (agency_id, cause, frozen_at)
        SELECT a.id, 'tier', a.updated_at FROM agencies a
        WHERE a.tier = 'starter' AND EXISTS (SELECT FROM subscriptions s WHERE s.agency_id = a.id AND NOT s.finished)
    """)
