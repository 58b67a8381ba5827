"""When the agency has let a disputed card be tried again."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute("ALTER TABLE disputes ADD COLUMN lifted_at timestamptz")
    op.execute("""
        CREATE TRIGGER disputes_lifted_stand BEFORE UPDATE ON disputes FOR EACH ROW WHEN (OLD.lifted_at IS NOT NULL)
        EXECUTE FUNCTION keep_columns('lifted_at')
    """)
