"""What comes in from Stripe, what must reach Temporal, what people are told, and the trail of it all."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _inbox()
    _outbox()
    _notifications()
    _idempotency()
    _audit()


def _wake(table: str) -> None:
    op.execute(f"""
        CREATE FUNCTION wake_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('retainer_{table}', '');
            RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER {table}_wakes AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION wake_{table}()
    """)


def _inbox() -> None:
    op.execute("""
        CREATE TABLE inbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            account text NOT NULL,
            event_id text NOT NULL,
            type text NOT NULL,
            object_id text NOT NULL,
            customer_id text,
            payload jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            deliver_after timestamptz NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            delivered_at timestamptz,
            done_at timestamptz,
            UNIQUE (account, event_id)
        )
    """)
    op.execute("CREATE INDEX inbox_undelivered ON inbox (deliver_after, id) WHERE delivered_at IS NULL")
    _wake("inbox")
    op.execute("""
        CREATE TABLE inbox_readers (
            inbox_id bigint NOT NULL REFERENCES inbox (id),
            subscription_id text NOT NULL,
            agency_id text NOT NULL,
            signalled_at timestamptz,
            read_at timestamptz,
            acked_at timestamptz,
            PRIMARY KEY (inbox_id, subscription_id),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX inbox_readers_unacked ON inbox_readers (subscription_id) WHERE acked_at IS NULL")


def _outbox() -> None:
    op.execute("""
        CREATE TABLE outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            kind text NOT NULL,
            dedupe_key text NOT NULL UNIQUE,
            payload jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            deliver_after timestamptz NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            last_error text,
            done_at timestamptz
        )
    """)
    op.execute("CREATE INDEX outbox_undone ON outbox (deliver_after, id) WHERE done_at IS NULL")
    _wake("outbox")


def _notifications() -> None:
    op.execute("""
        CREATE TABLE notifications (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            subscription_id text,
            audience text NOT NULL CHECK (audience IN ('client', 'agency')),
            kind text NOT NULL,
            title text NOT NULL,
            detail text NOT NULL,
            invoice_id text,
            dedupe_key text NOT NULL,
            at timestamptz NOT NULL,
            read_at timestamptz,
            UNIQUE (agency_id, audience, dedupe_key),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX notifications_of_agency ON notifications (agency_id, audience, at, id)")


def _idempotency() -> None:
    op.execute("""
        CREATE TABLE idempotency_keys (
            caller text NOT NULL,
            method text NOT NULL,
            path text NOT NULL,
            key text NOT NULL,
            request_hash text NOT NULL,
            started_at timestamptz NOT NULL,
            status_code integer,
            response jsonb,
            finished_at timestamptz,
            PRIMARY KEY (caller, method, path, key)
        )
    """)
    op.execute("CREATE INDEX idempotency_keys_by_age ON idempotency_keys (started_at)")


def _audit() -> None:
    op.execute("""
        CREATE TABLE audit (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            client_id text,
            subscription_id text,
            at timestamptz NOT NULL,
            who text NOT NULL,
            what text NOT NULL,
            why text,
            detail jsonb NOT NULL,
            dedupe_key text UNIQUE,
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX audit_of_agency ON audit (agency_id, id)")
    op.execute("CREATE INDEX audit_of_client ON audit (client_id, id)")
    op.execute("""
        CREATE TRIGGER audit_stands BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TRIGGER audit_never_truncated BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
