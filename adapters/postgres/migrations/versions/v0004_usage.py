"""Calls, the periods that hold them, and what of them is settled later."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _periods()
    _calls()
    _late_entries()


def _periods() -> None:
    op.execute("""
        CREATE TABLE periods (
            subscription_id text NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            agency_id text NOT NULL,
            client_id text NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            status text NOT NULL CHECK (status IN ('open', 'closed')),
            frozen_at timestamptz,
            closed_at timestamptz,
            seconds bigint,
            overage bigint,
            currency text NOT NULL,
            included_seconds bigint NOT NULL,
            rate numeric NOT NULL,
            call_increment_seconds integer NOT NULL,
            settled_late_seconds bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (subscription_id, number),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            CHECK (starts_at <= ends_at),
            CHECK (status = 'open' OR num_nulls(frozen_at, closed_at, seconds, overage) = 0)
        )
    """)
    # A range of one subscription id equals another exactly when they overlap. So ranges alone, which every PostgreSQL
    # can index, say "same subscription, overlapping time" without the btree_gist extension.
    op.execute('CREATE TYPE textrange AS RANGE (subtype = text, collation = "C")')
    op.execute("""
        ALTER TABLE periods ADD CONSTRAINT periods_never_overlap EXCLUDE USING gist (
            textrange(subscription_id, subscription_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&
        )
    """)
    op.execute("CREATE INDEX periods_of_client ON periods (client_id, starts_at)")
    op.execute("""
        CREATE TRIGGER periods_frozen_stand BEFORE UPDATE ON periods FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL)
        EXECUTE FUNCTION keep_columns('subscription_id', 'number', 'agency_id', 'client_id', 'starts_at', 'ends_at',
                                      'frozen_at', 'seconds')
    """)
    op.execute("""
        CREATE TRIGGER periods_closed_stand BEFORE UPDATE ON periods FOR EACH ROW WHEN (OLD.status = 'closed')
        EXECUTE FUNCTION keep_columns('status', 'closed_at', 'overage', 'currency', 'included_seconds', 'rate',
                                      'call_increment_seconds')
    """)
    op.execute("""
        CREATE TRIGGER periods_frozen_never_deleted BEFORE DELETE ON periods FOR EACH ROW
        WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TABLE usage_rollups (
            subscription_id text NOT NULL,
            period integer NOT NULL,
            agency_id text NOT NULL,
            seconds bigint NOT NULL,
            calls bigint NOT NULL CHECK (calls >= 0),
            PRIMARY KEY (subscription_id, period),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id)
        )
    """)


def _calls() -> None:
    op.execute("""
        CREATE TABLE calls (
            agency_id text NOT NULL,
            call_id text NOT NULL,
            client_id text NOT NULL,
            started_at timestamptz NOT NULL,
            duration_seconds integer NOT NULL CHECK (duration_seconds >= 0),
            outcome text NOT NULL CHECK (outcome IN ('completed', 'failed')),
            billed_seconds bigint NOT NULL CHECK (billed_seconds >= 0),
            corrected_seconds bigint NOT NULL DEFAULT 0,
            subscription_id text,
            period integer,
            unbilled text CHECK (unbilled IN ('no_subscription', 'trial', 'paused', 'ended')),
            late boolean NOT NULL DEFAULT false,
            received_at timestamptz NOT NULL,
            PRIMARY KEY (agency_id, call_id),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            CONSTRAINT calls_never_below_zero CHECK (billed_seconds + corrected_seconds >= 0),
            CONSTRAINT calls_in_a_period_or_unbilled CHECK (
                (period IS NULL) = (unbilled IS NOT NULL) AND (period IS NULL OR subscription_id IS NOT NULL)
            )
        )
    """)
    op.execute("CREATE INDEX calls_of_client ON calls (client_id, started_at)")
    op.execute("""
        CREATE TRIGGER calls_content_stands BEFORE UPDATE ON calls FOR EACH ROW EXECUTE FUNCTION
        keep_columns('agency_id', 'call_id', 'client_id', 'started_at', 'duration_seconds', 'outcome', 'received_at')
    """)
    op.execute("""
        CREATE TRIGGER calls_never_deleted BEFORE DELETE ON calls FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TABLE corrections (
            agency_id text NOT NULL,
            correction_id text NOT NULL,
            call_id text NOT NULL,
            seconds bigint NOT NULL CHECK (seconds <> 0),
            reason text NOT NULL,
            late boolean NOT NULL,
            received_at timestamptz NOT NULL,
            PRIMARY KEY (agency_id, correction_id),
            FOREIGN KEY (agency_id, call_id) REFERENCES calls (agency_id, call_id)
        )
    """)
    op.execute("CREATE INDEX corrections_of_call ON corrections (agency_id, call_id)")
    op.execute("""
        CREATE TRIGGER corrections_stand BEFORE UPDATE OR DELETE ON corrections
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)


def _late_entries() -> None:
    op.execute("""
        CREATE TABLE late_entries (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agency_id text NOT NULL,
            subscription_id text NOT NULL,
            period integer NOT NULL,
            call_id text NOT NULL,
            correction_id text,
            seconds bigint NOT NULL,
            received_at timestamptz NOT NULL,
            settled_by text,
            settled_at timestamptz,
            UNIQUE NULLS NOT DISTINCT (agency_id, call_id, correction_id),
            FOREIGN KEY (subscription_id, period) REFERENCES periods (subscription_id, number),
            FOREIGN KEY (agency_id, call_id) REFERENCES calls (agency_id, call_id),
            FOREIGN KEY (agency_id, correction_id) REFERENCES corrections (agency_id, correction_id),
            FOREIGN KEY (agency_id, settled_by) REFERENCES invoices (agency_id, id),
            CHECK ((settled_by IS NULL) = (settled_at IS NULL))
        )
    """)
    op.execute("""
        CREATE INDEX late_entries_unsettled ON late_entries (subscription_id, period) WHERE settled_by IS NULL
    """)
    op.execute("""
        CREATE TRIGGER late_entries_stand BEFORE UPDATE ON late_entries FOR EACH ROW EXECUTE FUNCTION
        keep_columns('agency_id', 'subscription_id', 'period', 'call_id', 'correction_id', 'seconds', 'received_at')
    """)
    op.execute("""
        CREATE TRIGGER late_entries_settled_once BEFORE UPDATE ON late_entries FOR EACH ROW
        WHEN (OLD.settled_by IS NOT NULL) EXECUTE FUNCTION keep_columns('settled_by', 'settled_at')
    """)
    op.execute("""
        CREATE TRIGGER late_entries_never_deleted BEFORE DELETE ON late_entries
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
