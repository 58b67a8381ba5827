"""Messages that leave the house: each delivery by mail or to a webhook endpoint is a row, once for its message."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("ALTER TABLE notifications ADD UNIQUE (agency_id, id)")
    op.execute("""
        CREATE TABLE webhook_endpoints (
            id text PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            url text NOT NULL,
            secret text NOT NULL,
            previous_secret text,
            previous_until timestamptz,
            created_at timestamptz NOT NULL,
            disabled_at timestamptz,
            removed_at timestamptz,
            UNIQUE (agency_id, id),
            CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
        )
    """)
    # Times here are the database's own, not the business's: a pause between attempts is no part of a bill, and
    # workers whose clocks differ must agree on whose a row is.
    op.execute("""
        CREATE TABLE message_deliveries (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            notification_id text NOT NULL,
            channel text NOT NULL CHECK (channel IN ('mail', 'webhook')),
            endpoint_id text,
            status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed', 'dropped')),
            created_at timestamptz NOT NULL,
            next_at timestamptz NOT NULL,
            leased_until timestamptz,
            attempts integer NOT NULL DEFAULT 0,
            tried_at timestamptz,
            answer integer,
            detail text,
            finished_at timestamptz,
            UNIQUE NULLS NOT DISTINCT (notification_id, channel, endpoint_id),
            FOREIGN KEY (agency_id, notification_id) REFERENCES notifications (agency_id, id),
            FOREIGN KEY (agency_id, endpoint_id) REFERENCES webhook_endpoints (agency_id, id),
            CHECK ((channel = 'webhook') = (endpoint_id IS NOT NULL)),
            CHECK ((status = 'pending') = (finished_at IS NULL))
        )
    """)
    op.execute("CREATE INDEX message_deliveries_due ON message_deliveries (channel, next_at) WHERE status = 'pending'")
    op.execute("CREATE INDEX message_deliveries_of_endpoint ON message_deliveries (endpoint_id, created_at, id)")
    op.execute("""
        CREATE FUNCTION wake_messages() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('retainer_messages', '');
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER message_deliveries_wakes AFTER INSERT ON message_deliveries
        FOR EACH STATEMENT EXECUTE FUNCTION wake_messages()
    """)
