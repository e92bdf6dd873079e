"""The embedded log's own name, which goes where its records go."""

from alembic import op

revision = "log_2026_11_29_identity"
down_revision = "log_2026_11_23"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE TABLE log_identity (identity uuid PRIMARY KEY)",
    "INSERT INTO log_identity VALUES (gen_random_uuid())",
    "COMMENT ON TABLE log_identity IS 'One row: readers hold the places they reached to it'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
