"""Where managers belong from a day on: a place has an effective date."""

from alembic import op

revision = "ledger_2026_11_24_places"
down_revision = "ledger_2026_11_23_simulation"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE manager_place ADD COLUMN effective_from date NOT NULL DEFAULT '1900-01-01'",
    "ALTER TABLE manager_place ALTER COLUMN effective_from DROP DEFAULT",
    "ALTER TABLE manager_place DROP CONSTRAINT manager_place_pkey, ADD PRIMARY KEY (manager_id, effective_from)",
    "COMMENT ON COLUMN manager_place.effective_from IS '1900-01-01, the first business date there can be: since ever'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
