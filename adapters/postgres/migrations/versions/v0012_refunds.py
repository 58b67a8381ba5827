"""Refunds: ours before they are made at Stripe, and those of its dashboard. No more goes back than was paid."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE invoices ADD COLUMN amount_refunded bigint NOT NULL DEFAULT 0 CHECK (amount_refunded >= 0)")
    op.execute("""
        CREATE TABLE refunds (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            invoice_id text NOT NULL,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            amount bigint NOT NULL CHECK (amount > 0),
            currency text NOT NULL,
            reason text,
            note text,
            requested_by text,
            status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed', 'canceled')),
            payment_intent_id text,
            with_fee boolean,
            provider_id text,
            failure text,
            created_at timestamptz NOT NULL,
            first_sent_at timestamptz,
            settled_at timestamptz,
            UNIQUE (agency_id, id),
            UNIQUE (account_id, provider_id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id),
            CHECK ((status = 'pending') = (settled_at IS NULL))
        )
    """)
    op.execute("CREATE INDEX refunds_of_invoice ON refunds (invoice_id, created_at, id)")
    op.execute("CREATE INDEX refunds_unmade ON refunds (created_at) WHERE status = 'pending' AND provider_id IS NULL")
    _stand()
    _never_exceed_paid()


def _stand() -> None:
    op.execute("""
        CREATE TRIGGER refunds_never_deleted BEFORE DELETE ON refunds FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TRIGGER refunds_stand BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION
        keep_columns('id', 'agency_id', 'invoice_id', 'account_id', 'amount', 'currency', 'requested_by', 'created_at')
    """)
    op.execute("""
        CREATE TRIGGER refunds_sent_stand BEFORE UPDATE ON refunds FOR EACH ROW WHEN (OLD.first_sent_at IS NOT NULL)
        EXECUTE FUNCTION keep_columns('reason', 'payment_intent_id', 'with_fee', 'first_sent_at')
    """)
    op.execute("""
        CREATE TRIGGER refunds_made_stand BEFORE UPDATE ON refunds FOR EACH ROW WHEN (OLD.provider_id IS NOT NULL)
        EXECUTE FUNCTION keep_columns('provider_id')
    """)
    op.execute("""
        CREATE TRIGGER refunds_end BEFORE UPDATE ON refunds FOR EACH ROW WHEN (OLD.status IN ('failed', 'canceled'))
        EXECUTE FUNCTION keep_columns('status', 'settled_at')
    """)


def _never_exceed_paid() -> None:
    # The sum stands on the invoice's row, which the first of two refunds holds until it is committed. Ours are refused
    # here. What Stripe has done already is believed: it has its own limit.
    op.execute("""
        CREATE FUNCTION refund_counted() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            becomes bigint = CASE WHEN NEW.status IN ('pending', 'succeeded') THEN NEW.amount ELSE 0 END;
            was bigint = 0;
            refunded bigint;
            paid bigint;
        BEGIN
            IF TG_OP = 'UPDATE' AND OLD.status IN ('pending', 'succeeded') THEN
                was = OLD.amount;
            END IF;
            IF becomes = was THEN
                RETURN NULL;
            END IF;
            UPDATE invoices SET amount_refunded = amount_refunded + becomes - was WHERE id = NEW.invoice_id
            RETURNING amount_refunded, CASE WHEN status = 'paid' AND NOT paid_out_of_band THEN amount_paid ELSE 0 END
            INTO refunded, paid;
            IF TG_OP = 'INSERT' AND NEW.requested_by IS NOT NULL AND refunded > coalesce(paid, 0) THEN
                RAISE EXCEPTION 'invoice %: % of % would be refunded', NEW.invoice_id, refunded, paid
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'refunds_never_exceed_paid';
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER refunds_counted AFTER INSERT OR UPDATE OF status ON refunds
        FOR EACH ROW EXECUTE FUNCTION refund_counted()
    """)
