"""Policy of the customer-manager system."""

from alembic import op

revision = "assignment_2026_11_24_policy"
down_revision = "assignment_2026_11_23"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE policy (
        number         bigint PRIMARY KEY,
        effective_from date   NOT NULL,
        terms          json   NOT NULL
    )
    """,
    "COMMENT ON TABLE policy IS 'Every change of policy; number is the version of the policy stream'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
