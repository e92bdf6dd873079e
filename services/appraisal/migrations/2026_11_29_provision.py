"""The provision rate of a loan's new class, as the ledger states it."""

from alembic import op

revision = "appraisal_2026_11_29_provision"
down_revision = "appraisal_2026_11_29_departments"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE reclassification
        ADD COLUMN provision_rate   numeric NULL,
        ADD COLUMN provision_policy text    NULL
    """,
    """
    COMMENT ON COLUMN reclassification.provision_rate IS
        'Percent, by the ledger''s policy of that version; both are null where the entry is from before it stated rates'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
