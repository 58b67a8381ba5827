"""The periods that hold an instant, of all clients of an agency, are found without looking at those that are over: by
them clients are sorted and filtered by usage."""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute("CREATE INDEX periods_of_agency ON periods (agency_id, ends_at)")
