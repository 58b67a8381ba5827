"""Since when an agency's usage levels are told as they are: a period that began before has crossed some untold."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("ALTER TABLE agencies ADD COLUMN usage_levels_since timestamptz")
    op.execute("UPDATE agencies SET usage_levels_since = now()")
