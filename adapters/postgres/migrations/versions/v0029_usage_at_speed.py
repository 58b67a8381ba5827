"""A call in two tables: a key that says where it counts, and details in partitions of a month, which are kept for a
while; rollups of a day, and the sealed totals of what is no longer kept call by call."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    _details()
    _carry_over()
    _keys()
    _days()
    _retirement()


def _details() -> None:
    op.execute("""
        CREATE TABLE call_details (
            agency_id text NOT NULL,
            client_id text NOT NULL,
            day date NOT NULL,
            received_at timestamptz NOT NULL,
            calls text NOT NULL CHECK (calls <> ''),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id)
        ) PARTITION BY RANGE (day)
    """)
    op.execute("CREATE INDEX call_details_of_client ON call_details (client_id, day)")
    op.execute("""
        CREATE VIEW reported_calls AS
        SELECT d.agency_id, d.client_id, d.day, d.received_at, split_part(line, E'\\t', 1) AS call_id,
               'epoch'::timestamptz + split_part(line, E'\\t', 2)::bigint * interval '1 microsecond' AS started_at,
               split_part(line, E'\\t', 3)::integer AS duration_seconds, split_part(line, E'\\t', 4) AS outcome
        FROM call_details d CROSS JOIN string_to_table(d.calls, E'\\n') AS line
    """)
    # Who reports calls may not alter tables; a month's partition is made by the owner of them all, for whoever asks.
    # Attached, and not made as a partition: that would wait for every reader of the others.
    op.execute("""
        CREATE FUNCTION make_call_month(day date) RETURNS void LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
            month date = date_trunc('month', day);
            name text = to_char(month, '"call_details_"YYYY_MM');
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('make_call_month'));
            -- Asked by a query: the cache of names may not know yet what was committed while the lock was waited for.
            IF NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relispartition) THEN
                EXECUTE format('CREATE TABLE %I (LIKE call_details INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
                EXECUTE format('ALTER TABLE call_details ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, month,
                               (month + interval '1 month')::date);
            END IF;
        END $$
    """)


def _carry_over() -> None:
    op.execute("""
        SELECT make_call_month(month::date)
        FROM (SELECT DISTINCT date_trunc('month', started_at AT TIME ZONE 'UTC') AS month FROM calls) known
    """)
    op.execute("""
        INSERT INTO call_details (agency_id, client_id, day, received_at, calls)
        SELECT agency_id, client_id, (started_at AT TIME ZONE 'UTC')::date, received_at,
               string_agg(concat_ws(E'\\t', call_id, (extract(epoch FROM started_at) * 1000000)::bigint,
                                    duration_seconds, outcome), E'\\n' ORDER BY call_id)
        FROM calls GROUP BY 1, 2, 3, 4
    """)


def _keys() -> None:
    op.execute("DROP TRIGGER calls_content_stands ON calls")
    op.execute("DROP TRIGGER calls_never_deleted ON calls")
    op.execute("ALTER TABLE calls ADD COLUMN content_hash bigint")
    # adapters.postgres.calls.content_hash says the same in Python.
    op.execute("""
        UPDATE calls SET content_hash = ('x' || left(encode(sha256(convert_to(concat_ws(E'\\t',
            client_id, (extract(epoch FROM started_at) * 1000000)::bigint, duration_seconds, outcome
        ), 'UTF8')), 'hex'), 16))::bit(64)::bigint
    """)
    op.execute("""
        UPDATE calls c SET subscription_id = (
            SELECT s.id FROM subscriptions s
            WHERE s.client_id = c.client_id AND s.trial_start <= c.started_at AND c.started_at < s.trial_end
            ORDER BY s.trial_start, s.id LIMIT 1
        ) WHERE unbilled = 'trial'
    """)
    op.execute("ALTER TABLE calls DROP CONSTRAINT calls_in_a_period_or_unbilled")
    op.execute("UPDATE calls SET period = 0 WHERE unbilled = 'trial'")
    # The details point to the client, once for all calls of a row.
    op.execute("""
        ALTER TABLE calls ALTER COLUMN content_hash SET NOT NULL, DROP COLUMN duration_seconds, DROP COLUMN outcome,
            DROP COLUMN received_at, DROP CONSTRAINT calls_agency_id_client_id_fkey,
            ADD CONSTRAINT calls_in_a_period_or_unbilled CHECK (
                (unbilled IS NULL) = (coalesce(period, 0) > 0)
                AND (coalesce(unbilled, '') = 'trial') = (coalesce(period, -1) = 0)
                AND (period IS NULL) = (subscription_id IS NULL)
            )
    """)
    op.execute("DROP INDEX calls_of_client")
    op.execute("""
        CREATE TRIGGER calls_content_stands BEFORE UPDATE ON calls FOR EACH ROW EXECUTE FUNCTION
        keep_columns('agency_id', 'call_id', 'client_id', 'started_at', 'content_hash')
    """)


def _days() -> None:
    op.execute("""
        CREATE TABLE usage_days (
            subscription_id text NOT NULL,
            period integer NOT NULL,
            day date NOT NULL,
            agency_id text NOT NULL,
            seconds bigint NOT NULL,
            calls bigint NOT NULL CHECK (calls >= 0),
            PRIMARY KEY (subscription_id, period, day),
            FOREIGN KEY (agency_id, subscription_id) REFERENCES subscriptions (agency_id, id)
        )
    """)
    op.execute("""
        INSERT INTO usage_rollups (subscription_id, period, agency_id, seconds, calls)
        SELECT subscription_id, period, agency_id, sum(billed_seconds + corrected_seconds), count(*)
        FROM calls WHERE period = 0 GROUP BY 1, 2, 3
    """)
    # As the rollups of periods have it: what came after a closing is not of the period, but settled beside it.
    op.execute("""
        INSERT INTO usage_days (subscription_id, period, day, agency_id, seconds, calls)
        SELECT c.subscription_id, c.period, (c.started_at AT TIME ZONE s.zone)::date, c.agency_id,
               sum(c.billed_seconds + coalesce(known.seconds, 0)), count(*)
        FROM calls c JOIN subscriptions s ON s.id = c.subscription_id
        LEFT JOIN (
            SELECT agency_id, call_id, sum(seconds) AS seconds FROM corrections WHERE NOT late GROUP BY 1, 2
        ) known ON (known.agency_id, known.call_id) = (c.agency_id, c.call_id)
        WHERE NOT c.late GROUP BY 1, 2, 3, 4
    """)


def _retirement() -> None:
    op.execute("""
        CREATE TABLE call_months (
            month date PRIMARY KEY CHECK (month = date_trunc('month', month)),
            retiring_since timestamptz NOT NULL,
            retired_at timestamptz
        )
    """)
    op.execute("""
        CREATE TABLE sealed_usage (
            month date NOT NULL REFERENCES call_months (month),
            agency_id text NOT NULL,
            client_id text NOT NULL,
            subscription_id text,
            period integer,
            unbilled text,
            late boolean NOT NULL,
            seconds bigint NOT NULL,
            calls bigint NOT NULL CHECK (calls > 0),
            CONSTRAINT sealed_usage_once
                UNIQUE NULLS NOT DISTINCT (month, agency_id, client_id, subscription_id, period, unbilled, late),
            FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id)
        )
    """)
    op.execute("CREATE INDEX sealed_usage_of_period ON sealed_usage (subscription_id, period)")
    op.execute("""
        CREATE TRIGGER sealed_usage_never_deleted BEFORE DELETE ON sealed_usage
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE FUNCTION keep_until_retired() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            at timestamptz = to_jsonb(OLD) ->> TG_ARGV[0];
        BEGIN
            IF NOT EXISTS (
                SELECT FROM call_months WHERE month = date_trunc('month', at AT TIME ZONE 'UTC') AND retired_at IS NULL
            ) THEN
                RAISE EXCEPTION '% of % is refused: its month is not being retired', TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN OLD;
        END $$
    """)
    for table, column in (("calls", "started_at"), ("call_details", "day")):
        op.execute(f"""
            CREATE TRIGGER {table}_kept_until_retired BEFORE DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION keep_until_retired('{column}')
        """)
    op.execute("""
        CREATE TRIGGER call_details_stand BEFORE UPDATE ON call_details FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    # A correction names a call that may be retired; the invariants hold them against each other while both are there.
    op.execute("ALTER TABLE corrections DROP CONSTRAINT corrections_agency_id_call_id_fkey")
    op.execute("ALTER TABLE late_entries DROP CONSTRAINT late_entries_agency_id_call_id_fkey")
    _retire_calls()


def _retire_calls() -> None:
    """As the owner of the tables: nobody else may delete a call, and this only what is summed up in the same step."""
    op.execute("""
        CREATE FUNCTION retire_calls(retiring date, most integer, at timestamptz) RETURNS bigint LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
        DECLARE
            partition text = to_char(retiring, '"call_details_"YYYY_MM');
            gone bigint;
        BEGIN
            IF EXISTS (
                SELECT FROM periods
                WHERE status = 'open' AND starts_at < retiring + interval '1 month' AND ends_at > retiring
            ) THEN
                RAISE EXCEPTION 'calls of % are of periods that are not closed', retiring
                    USING ERRCODE = 'restrict_violation';
            END IF;
            PERFORM pg_advisory_xact_lock(hashtext('retire_calls'));
            IF NOT EXISTS (SELECT FROM pg_class WHERE relname = partition AND relispartition) THEN
                RETURN 0;
            END IF;
            INSERT INTO call_months AS known (month, retiring_since) VALUES (retiring, at)
            ON CONFLICT (month) DO UPDATE SET retired_at = NULL WHERE known.retired_at IS NOT NULL;
            EXECUTE format($piece$
                WITH pieces AS (
                    DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I LIMIT $1))
                    RETURNING agency_id, calls
                ), gone AS (
                    DELETE FROM calls c USING pieces CROSS JOIN string_to_table(pieces.calls, E'\\n') AS line
                    WHERE (c.agency_id, c.call_id) = (pieces.agency_id, split_part(line, E'\\t', 1)) RETURNING c.*
                ), sealed AS (
                    INSERT INTO sealed_usage AS known (month, agency_id, client_id, subscription_id, period, unbilled,
                                                       late, seconds, calls)
                    SELECT $2, agency_id, client_id, subscription_id, period, unbilled, late,
                           sum(billed_seconds + coalesce((
                               SELECT sum(k.seconds) FROM corrections k
                               WHERE (k.agency_id, k.call_id) = (gone.agency_id, gone.call_id) AND NOT k.late
                           ), 0)), count(*)
                    FROM gone GROUP BY agency_id, client_id, subscription_id, period, unbilled, late
                    ORDER BY agency_id, client_id, subscription_id, period, unbilled, late
                    ON CONFLICT ON CONSTRAINT sealed_usage_once
                    DO UPDATE SET seconds = known.seconds + excluded.seconds, calls = known.calls + excluded.calls
                ) SELECT count(*) FROM gone
            $piece$, partition) INTO gone USING most, retiring;
            IF gone = 0 THEN
                -- In the order in which everybody locks them. Who reports meanwhile waits for two seconds at most.
                LOCK TABLE ONLY call_details IN ACCESS EXCLUSIVE MODE;
                EXECUTE format('DROP TABLE %I', partition);
                UPDATE call_months SET retired_at = at WHERE month = retiring;
            END IF;
            RETURN gone;
        END $$
    """)
