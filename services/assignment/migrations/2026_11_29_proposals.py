"""All proposals for one aggregate are found by its key, also those that were decided on."""

from alembic import op

revision = "assignment_2026_11_29_proposals"
down_revision = "assignment_2026_11_29_reporting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX proposal_by_key ON proposal (key, proposal_id)")
