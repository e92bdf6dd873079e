"""Views that are older than the schema are to be rebuilt before anybody relies on them."""

from alembic import op

revision = "store_2026_11_29_rebuild"
down_revision = "store_2026_11_29_known_log"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE TABLE rebuild (due_since timestamptz NOT NULL DEFAULT now())",
    """
    COMMENT ON TABLE rebuild IS
        'A row from the migration of a store with events until the replay after it: the views are not to be relied on'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
