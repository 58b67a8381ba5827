"""What the platform and the tax office take: agreed with the agency, and fixed on each invoice."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE agencies
            ADD COLUMN tax_mode text NOT NULL DEFAULT 'none' CHECK (tax_mode IN ('none', 'rates')),
            ADD COLUMN tax_rate_ids text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tax_rate_ids) <= 10),
            ADD CONSTRAINT agencies_tax_names_its_rates CHECK (tax_mode = 'none' OR cardinality(tax_rate_ids) > 0)
    """)
    op.execute("""
        ALTER TABLE invoices
            ADD COLUMN fee_percent numeric NOT NULL DEFAULT 0 CHECK (fee_percent BETWEEN 0 AND 100),
            ADD COLUMN tax_rate_ids text[] NOT NULL DEFAULT '{}',
            ADD COLUMN application_fee bigint NOT NULL DEFAULT 0 CHECK (application_fee >= 0)
    """)
    op.execute("""
        CREATE TRIGGER invoices_levies_stand BEFORE UPDATE ON invoices
        FOR EACH ROW EXECUTE FUNCTION keep_columns('fee_percent', 'tax_rate_ids')
    """)
