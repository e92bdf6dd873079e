"""Targets of units, and what managers committed to in tenders."""

from alembic import op

revision = "appraisal_2026_11_24_targets"
down_revision = "appraisal_2026_11_24_cycles"
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
    """
    CREATE TABLE commitment (
        tender_id      text   PRIMARY KEY,
        manager_id     text   NOT NULL,
        committed      bigint NOT NULL,
        effective_from date   NOT NULL
    )
    """,
    "COMMENT ON TABLE commitment IS 'What winners of tenders committed to bring in twelve months, in minor units'",
    "CREATE INDEX commitment_by_day ON commitment (effective_from)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
