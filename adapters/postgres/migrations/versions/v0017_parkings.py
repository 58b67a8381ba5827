"""What was parked, what was said of it, when parking stopped, and an agency's own limit for plans without a price."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE agencies ADD COLUMN review_over bigint CHECK (review_over > 0),
        ADD COLUMN review_over_currency text,
        ADD CONSTRAINT agencies_review_over_is_money CHECK ((review_over IS NULL) = (review_over_currency IS NULL))
    """)
    _parkings()
    op.execute("""
        CREATE TABLE parking_stops (
            trouble text NOT NULL,
            began_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            held_back integer NOT NULL CHECK (held_back > 0),
            PRIMARY KEY (trouble, began_at)
        )
    """)


def _parkings() -> None:
    op.execute("""
        CREATE TABLE parkings (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            subscription_id text NOT NULL,
            invoice_id text NOT NULL,
            trouble text NOT NULL CHECK (trouble IN ('implausible', 'too_large', 'key_misused', 'lines_differ',
                                                     'refused', 'attempt_impossible', 'other')),
            cause text NOT NULL,
            parked_at timestamptz NOT NULL,
            overage bigint,
            usual bigint[],
            over bigint,
            ended_at timestamptz,
            decision text CHECK (decision IN ('approve', 'reject')),
            decided_by text,
            reason text,
            replaced_by text,
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id),
            CONSTRAINT parkings_reviewed_by_figures CHECK (num_nulls(overage, usual, over) IN (0, 3)),
            CONSTRAINT parkings_decided_by_somebody CHECK (
                num_nulls(decision, decided_by, reason) IN (0, 3) AND (decision IS NULL OR ended_at IS NOT NULL)
            )
        )
    """)
    op.execute("CREATE UNIQUE INDEX parkings_one_open ON parkings (invoice_id) WHERE ended_at IS NULL")
    op.execute("CREATE INDEX parkings_of_trouble ON parkings (trouble, parked_at)")
    op.execute("""
        CREATE TRIGGER parkings_stand BEFORE UPDATE ON parkings FOR EACH ROW EXECUTE FUNCTION
        keep_columns('agency_id', 'client_id', 'subscription_id', 'invoice_id', 'trouble', 'cause', 'parked_at',
                     'overage', 'usual', 'over')
    """)
    op.execute("""
        CREATE TRIGGER parkings_decided_stand BEFORE UPDATE ON parkings FOR EACH ROW WHEN (OLD.decision IS NOT NULL)
        EXECUTE FUNCTION keep_columns('ended_at', 'decision', 'decided_by', 'reason', 'replaced_by')
    """)
    op.execute("""
        CREATE TRIGGER parkings_never_deleted BEFORE DELETE ON parkings FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
