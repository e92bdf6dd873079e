"""Dead letters that somebody dismissed, and why."""

from alembic import op

revision = "store_2026_11_29_dismissed"
down_revision = "store_2026_11_24_operation"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE dead_letter ADD COLUMN dismissed_at timestamptz NULL",
    "ALTER TABLE dead_letter ADD COLUMN dismissed_because text NULL",
    "DROP INDEX dead_letter_waiting",
    """
    CREATE INDEX dead_letter_waiting ON dead_letter (dead_letter_id)
    WHERE replayed_at IS NULL AND dismissed_at IS NULL
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
