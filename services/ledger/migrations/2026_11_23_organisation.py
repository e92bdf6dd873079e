"""Where managers belong."""

from alembic import op

revision = "ledger_2026_11_23_organisation"
down_revision = "ledger_2026_11_23_close"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE manager_place (
        manager_id text PRIMARY KEY,
        team_id    text NULL,
        branch_id  text NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
