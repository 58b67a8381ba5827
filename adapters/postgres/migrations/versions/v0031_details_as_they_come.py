"""Details of calls stay as they come, up to what fits into a page: to compress a row of little more than two thousand
bytes, as that of forty calls is, takes nearly as long as all else about writing it."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("""
        CREATE OR REPLACE FUNCTION make_call_month(day date) RETURNS void LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
            month date = date_trunc('month', day);
            name text = to_char(month, '"call_details_"YYYY_MM');
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('make_call_month'));
            -- Asked by a query: the cache of names may not know yet what was committed while the lock was waited for.
            IF NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relispartition) THEN
                EXECUTE format('CREATE TABLE %I (LIKE call_details INCLUDING DEFAULTS INCLUDING CONSTRAINTS) '
                               'WITH (toast_tuple_target = 8160)', name);
                EXECUTE format('ALTER TABLE call_details ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, month,
                               (month + interval '1 month')::date);
            END IF;
        END $$
    """)
    op.execute("""
        DO $$
        DECLARE
            month regclass;
        BEGIN
            FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'call_details'::regclass LOOP
                EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 8160)', month);
            END LOOP;
        END $$
    """)
