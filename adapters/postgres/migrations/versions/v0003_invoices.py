"""Invoices with their lines, credits and attempts: what "exactly once" means for money stands in these keys."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _invoices()
    _status_moves_forward()
    _lines()
    _credits()
    _attempts()


def _invoices() -> None:
    op.execute("""
        CREATE TABLE invoices (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            subscription_id text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('period', 'change', 'final', 'custom')),
            source text NOT NULL,
            status text NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'void', 'uncollectible')),
            currency text NOT NULL,
            total bigint NOT NULL CHECK (total >= 0),
            credit_used bigint NOT NULL CHECK (credit_used >= 0),
            opens_period integer,
            closed_period integer,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            customer_id text NOT NULL,
            provider_id text,
            number text,
            failed boolean NOT NULL DEFAULT false,
            provider_subtotal bigint,
            provider_total bigint,
            amount_due bigint,
            amount_paid bigint,
            starting_balance bigint,
            ending_balance bigint,
            paid_out_of_band boolean NOT NULL DEFAULT false,
            hosted_url text,
            pdf_url text,
            created_at timestamptz NOT NULL,
            issued_at timestamptz,
            settled_at timestamptz,
            UNIQUE (agency_id, id),
            UNIQUE (account_id, provider_id),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id),
            CHECK (status = 'draft' OR issued_at IS NOT NULL OR status = 'void'),
            CHECK ((status IN ('paid', 'void', 'uncollectible')) = (settled_at IS NOT NULL))
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX invoices_one_live ON invoices (subscription_id, kind, source) WHERE status <> 'void'
    """)
    op.execute("CREATE INDEX invoices_of_client ON invoices (client_id, created_at)")
    op.execute("CREATE INDEX invoices_of_agency ON invoices (agency_id, created_at)")
    op.execute("""
        CREATE TRIGGER invoices_never_deleted BEFORE DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TRIGGER invoices_stand BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION
        keep_columns('id', 'agency_id', 'client_id', 'subscription_id', 'kind', 'source', 'currency', 'total',
                     'credit_used', 'opens_period', 'closed_period', 'account_id', 'customer_id', 'created_at')
    """)
    op.execute("""
        CREATE TRIGGER invoices_issued_stand BEFORE UPDATE ON invoices FOR EACH ROW WHEN (OLD.status <> 'draft')
        EXECUTE FUNCTION keep_columns('provider_id', 'number', 'issued_at')
    """)


def _status_moves_forward() -> None:
    op.execute("""
        CREATE FUNCTION invoice_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT (
                OLD.status = 'draft'
                OR (OLD.status = 'open' AND NEW.status IN ('paid', 'void', 'uncollectible'))
                OR (OLD.status = 'uncollectible' AND NEW.status IN ('paid', 'void'))
            ) THEN
                RAISE EXCEPTION 'invoice % was % and cannot become %', OLD.id, OLD.status, NEW.status
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER invoices_move_forward BEFORE UPDATE OF status ON invoices FOR EACH ROW
        WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION invoice_moves_forward()
    """)


def _lines() -> None:
    op.execute("""
        CREATE TABLE invoice_lines (
            invoice_id text NOT NULL,
            position integer NOT NULL,
            agency_id text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('price', 'overage', 'late_calls', 'correction', 'credit')),
            description text NOT NULL,
            amount bigint NOT NULL,
            period_start timestamptz,
            period_end timestamptz,
            quantity_seconds bigint,
            rate numeric,
            source text,
            PRIMARY KEY (invoice_id, position),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
    op.execute("""
        CREATE TRIGGER invoice_lines_stand BEFORE UPDATE OR DELETE ON invoice_lines
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE FUNCTION invoice_is_draft() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT status FROM invoices WHERE id = NEW.invoice_id) <> 'draft' THEN
                RAISE EXCEPTION 'invoice % is issued: it gets no more lines', NEW.invoice_id
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER invoice_lines_only_on_drafts BEFORE INSERT ON invoice_lines
        FOR EACH ROW EXECUTE FUNCTION invoice_is_draft()
    """)


def _credits() -> None:
    op.execute("""
        CREATE TABLE credits (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            currency text NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            consumed bigint NOT NULL DEFAULT 0,
            invoice_id text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT credits_never_over_consumed CHECK (consumed BETWEEN 0 AND amount),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX credits_left ON credits (client_id, currency) WHERE consumed < amount")
    op.execute("""
        CREATE TABLE credit_uses (
            credit_id bigint NOT NULL REFERENCES credits (id),
            invoice_id text NOT NULL,
            agency_id text NOT NULL,
            amount bigint NOT NULL CHECK (amount > 0),
            used_at timestamptz NOT NULL,
            given_back_at timestamptz,
            PRIMARY KEY (credit_id, invoice_id),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id)
        )
    """)
    # The sum is kept by the database itself: whoever writes a use, the credit's own check is the limit.
    op.execute("""
        CREATE FUNCTION credit_consumed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE credits SET consumed = consumed
                + CASE WHEN NEW.given_back_at IS NULL THEN NEW.amount ELSE 0 END
                - CASE WHEN TG_OP = 'UPDATE' AND OLD.given_back_at IS NULL THEN OLD.amount ELSE 0 END
            WHERE id = NEW.credit_id;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER credit_uses_counted AFTER INSERT OR UPDATE ON credit_uses
        FOR EACH ROW EXECUTE FUNCTION credit_consumed()
    """)
    op.execute("""
        CREATE TRIGGER credit_uses_stand BEFORE DELETE ON credit_uses FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)


def _attempts() -> None:
    op.execute("""
        CREATE TABLE payment_attempts (
            invoice_id text NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            agency_id text NOT NULL,
            subscription_id text NOT NULL,
            idempotency_key text NOT NULL UNIQUE,
            amount bigint NOT NULL CHECK (amount >= 0),
            currency text NOT NULL,
            card jsonb NOT NULL,
            card_identity text NOT NULL,
            origin text NOT NULL CHECK (origin IN ('issue', 'ladder', 'new_card', 'pay_now', 'retry')),
            on_session boolean NOT NULL,
            attempted_at timestamptz NOT NULL,
            first_sent_at timestamptz NOT NULL,
            result text CHECK (result IN ('paid', 'declined', 'action_required', 'not_made')),
            settled_at timestamptz,
            charge_id text,
            payment_intent_id text,
            charged_amount bigint,
            decline jsonb,
            decline_class text CHECK (decline_class IN ('hard', 'customer_must_act', 'soft')),
            reason text,
            PRIMARY KEY (invoice_id, number),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id),
            CHECK ((result IS NULL) = (settled_at IS NULL))
        )
    """)
    op.execute(
        "CREATE UNIQUE INDEX payment_attempts_one_in_flight ON payment_attempts (invoice_id) WHERE result IS NULL"
    )
    op.execute(
        "CREATE UNIQUE INDEX payment_attempts_one_success ON payment_attempts (invoice_id) WHERE result = 'paid'"
    )
    op.execute("""
        CREATE TRIGGER payment_attempts_stand BEFORE UPDATE ON payment_attempts FOR EACH ROW EXECUTE FUNCTION
        keep_columns('invoice_id', 'number', 'agency_id', 'subscription_id', 'idempotency_key', 'amount', 'currency',
                     'card', 'card_identity', 'origin', 'on_session', 'attempted_at', 'first_sent_at')
    """)
    op.execute("""
        CREATE TRIGGER payment_attempts_settled_stand BEFORE UPDATE ON payment_attempts FOR EACH ROW
        WHEN (OLD.result IS NOT NULL) EXECUTE FUNCTION keep_columns('result', 'settled_at', 'charge_id')
    """)
    op.execute("""
        CREATE TRIGGER payment_attempts_never_deleted BEFORE DELETE ON payment_attempts
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TABLE skipped_attempts (
            invoice_id text NOT NULL,
            at timestamptz NOT NULL,
            agency_id text NOT NULL,
            subscription_id text NOT NULL,
            why text NOT NULL,
            PRIMARY KEY (invoice_id, at),
            FOREIGN KEY (agency_id, invoice_id) REFERENCES invoices (agency_id, id),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id)
        )
    """)
