"""The embedded log: topics, partitions and offsets as tables."""

from alembic import op

revision = "log_2026_11_23"
down_revision = None
branch_labels = ("log",)
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE log_partition (
        topic       text    NOT NULL,
        partition   integer NOT NULL,
        next_offset bigint  NOT NULL DEFAULT 0,
        PRIMARY KEY (topic, partition)
    )
    """,
    """
    COMMENT ON TABLE log_partition IS
        'Ends of the partitions; the row lock makes the appender single and offsets free of gaps'
    """,
    """
    CREATE TABLE log_record (
        topic       text        NOT NULL,
        partition   integer     NOT NULL,
        log_offset  bigint      NOT NULL,
        key         bytea       NOT NULL,
        value       bytea       NOT NULL,
        headers     text        NOT NULL,
        appended_at timestamptz NOT NULL,
        PRIMARY KEY (topic, partition, log_offset)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
