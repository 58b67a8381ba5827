"""Agencies, their Stripe accounts and plans, and their clients.

A foreign key of a tenant's table names the agency too, so that no row can point into another tenant.
"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _guards()
    _agencies()
    _plans()
    _clients()


def _guards() -> None:
    """Trigger functions: `refuse_change` refuses the operation, `keep_columns` a change of the columns it is given."""
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is refused: what is recorded there stands', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$
    """)
    op.execute("""
        CREATE FUNCTION keep_columns() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            was jsonb = to_jsonb(OLD);
            becomes jsonb = to_jsonb(NEW);
            kept text;
        BEGIN
            FOREACH kept IN ARRAY TG_ARGV LOOP
                IF was -> kept IS DISTINCT FROM becomes -> kept THEN
                    RAISE EXCEPTION 'change of %.% is refused: it stands once it is written', TG_TABLE_NAME, kept
                        USING ERRCODE = 'restrict_violation';
                END IF;
            END LOOP;
            RETURN NEW;
        END $$
    """)


def _agencies() -> None:
    op.execute("""
        CREATE TABLE agencies (
            id text PRIMARY KEY,
            name text NOT NULL,
            country text NOT NULL,
            timezone text NOT NULL,
            tier text NOT NULL CHECK (tier IN ('starter', 'growth', 'scale')),
            default_currency text NOT NULL,
            application_fee_percent numeric NOT NULL DEFAULT 0 CHECK (application_fee_percent BETWEEN 0 AND 100),
            gaps_days integer[] NOT NULL DEFAULT '{3,5,7}'
                CHECK (cardinality(gaps_days) BETWEEN 1 AND 8 AND 1 <= ALL (gaps_days) AND 30 >= ALL (gaps_days)),
            final_action text NOT NULL DEFAULT 'past_due' CHECK (final_action IN ('past_due', 'pause', 'cancel')),
            usage_grace_minutes integer NOT NULL DEFAULT 60 CHECK (usage_grace_minutes >= 0),
            usage_alert_percents integer[] NOT NULL DEFAULT '{80,100}' CHECK (0 < ALL (usage_alert_percents)),
            allowed_origins text[] NOT NULL DEFAULT '{}',
            sender_name text,
            sender_email text,
            support_email text,
            support_phone text,
            support_url text,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE connected_accounts (
            agency_id text NOT NULL REFERENCES agencies (id),
            number integer NOT NULL CHECK (number > 0),
            account_id text UNIQUE,
            state text NOT NULL CHECK (state IN ('onboarding', 'active', 'restricted', 'disconnected')),
            charges_enabled boolean NOT NULL DEFAULT false,
            payouts_enabled boolean NOT NULL DEFAULT false,
            details_submitted boolean NOT NULL DEFAULT false,
            card_payments text NOT NULL DEFAULT 'inactive' CHECK (card_payments IN ('active', 'inactive', 'pending')),
            requirements text[] NOT NULL DEFAULT '{}',
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (agency_id, number)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX connected_accounts_one_current ON connected_accounts (agency_id)
        WHERE state <> 'disconnected'
    """)


def _plans() -> None:
    op.execute("""
        CREATE TABLE plans (
            id text PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            created_at timestamptz NOT NULL,
            UNIQUE (agency_id, id)
        )
    """)
    op.execute("""
        CREATE TABLE plan_versions (
            plan_id text NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            agency_id text NOT NULL,
            name text NOT NULL,
            tier text NOT NULL,
            currency text NOT NULL,
            price bigint NOT NULL CHECK (price >= 0),
            included_minutes integer NOT NULL CHECK (included_minutes >= 0),
            overage_rate numeric NOT NULL CHECK (overage_rate >= 0 AND scale(overage_rate) <= 12),
            call_increment_seconds integer NOT NULL CHECK (call_increment_seconds IN (1, 6, 60)),
            account_id text,
            product_id text,
            price_id text,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (plan_id, version),
            FOREIGN KEY (agency_id, plan_id) REFERENCES plans (agency_id, id)
        )
    """)
    op.execute("""
        CREATE TRIGGER plan_versions_terms_stand BEFORE UPDATE ON plan_versions FOR EACH ROW EXECUTE FUNCTION
        keep_columns('plan_id', 'version', 'agency_id', 'name', 'tier', 'currency', 'price', 'included_minutes',
                     'overage_rate', 'call_increment_seconds', 'created_at')
    """)


def _clients() -> None:
    op.execute("""
        CREATE TABLE clients (
            id text PRIMARY KEY,
            agency_id text NOT NULL REFERENCES agencies (id),
            name text NOT NULL,
            email text NOT NULL,
            external_id text,
            billing_details jsonb,
            card jsonb,
            card_at timestamptz,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            archived_at timestamptz,
            UNIQUE (agency_id, id),
            UNIQUE (agency_id, external_id)
        )
    """)
    op.execute("""
        CREATE TABLE customers (
            client_id text NOT NULL,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            agency_id text NOT NULL,
            customer_id text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (client_id, account_id),
            UNIQUE (account_id, customer_id),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id)
        )
    """)
    op.execute("""
        CREATE TABLE card_sessions (
            id text PRIMARY KEY,
            agency_id text NOT NULL,
            client_id text NOT NULL,
            account_id text NOT NULL REFERENCES connected_accounts (account_id),
            session_id text,
            return_url text NOT NULL,
            url text,
            created_at timestamptz NOT NULL,
            expires_at timestamptz,
            UNIQUE (account_id, session_id),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id)
        )
    """)
