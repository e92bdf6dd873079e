"""Which log the places reached belong to."""

from alembic import op

revision = "store_2026_11_29_known_log"
down_revision = "store_2026_11_29_reporting"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE known_log (
        identity text NOT NULL,
        sole     boolean PRIMARY KEY DEFAULT true CHECK (sole)
    )
    """,
    """
    COMMENT ON TABLE known_log IS
        'The one log that consumer_position and relay_position are places of; empty until a log was seen'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
