"""Subscriptions: for each the newest state that its workflow is known to have had."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE subscriptions (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            customer_id text NOT NULL,
            plan_id text NOT NULL,
            plan_version integer NOT NULL,
            zone text NOT NULL,
            rules integer NOT NULL,
            request jsonb NOT NULL,
            state jsonb NOT NULL,
            version bigint NOT NULL,
            status text NOT NULL CHECK (status IN ('awaiting_card', 'active', 'past_due', 'paused', 'cancelled')),
            period_start timestamptz,
            period_end timestamptz,
            next_at timestamptz,
            finished boolean NOT NULL DEFAULT false,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            UNIQUE (agency_id, id),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            FOREIGN KEY (plan_id, plan_version) REFERENCES plan_versions (plan_id, version)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (client_id)
        WHERE NOT finished AND status <> 'cancelled'
    """)
    op.execute("CREATE INDEX subscriptions_of_client ON subscriptions (client_id)")
    op.execute("CREATE INDEX subscriptions_running ON subscriptions (agency_id) WHERE NOT finished")
