"""Targets of units."""

from alembic import op

revision = "appraisal_2026_11_24_targets"
down_revision = "appraisal_2026_11_24_sources"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE target (
        year       integer NOT NULL,
        source     text    NOT NULL,
        kind       text    NOT NULL,
        id         text    NOT NULL,
        amount     numeric NOT NULL,
        quarter_1  numeric NOT NULL,
        quarter_2  numeric NOT NULL,
        quarter_3  numeric NOT NULL,
        quarter_4  numeric NOT NULL,
        whole_kind text,
        whole_id   text,
        PRIMARY KEY (year, source, kind, id)
    )
    """,
    "COMMENT ON TABLE target IS 'Annual targets of units by source; money in yuan, exactly'",
    "COMMENT ON COLUMN target.whole_id IS 'the unit whose target it is a part of, if it is one'",
    "CREATE INDEX target_by_whole ON target (year, source, whole_kind, whole_id)",
    "CREATE INDEX target_by_unit ON target (year, kind, id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
