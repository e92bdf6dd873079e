"""What of the results adjusts closed months."""

from alembic import op

revision = "appraisal_2026_11_24_adjustments"
down_revision = "appraisal_2026_11_23"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE adjustment (
        shard          smallint  NOT NULL,
        period         integer   NOT NULL,
        adjusts_period integer   NOT NULL,
        book           book_name NOT NULL,
        centre_id      text      NOT NULL,
        line           line_name NOT NULL,
        amount         bigint    NOT NULL,
        PRIMARY KEY (shard, period, adjusts_period, book, centre_id, line)
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON TABLE adjustment IS 'That part of result which adjusts a closed month; minor units'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
