"""How far long operations are, and how they ended."""

from alembic import op

revision = "store_2026_11_24_operation"
down_revision = "store_2026_11_23"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE operation (
        name         text        PRIMARY KEY,
        done         bigint      NOT NULL DEFAULT 0,
        total        bigint      NOT NULL DEFAULT 0,
        started_at   timestamptz NOT NULL DEFAULT now(),
        updated_at   timestamptz NOT NULL DEFAULT now(),
        ended_at     timestamptz NULL,
        succeeded_at timestamptz NULL,
        outcome      text        NOT NULL CHECK (outcome IN ('running', 'ok', 'failed')),
        finding      text        NULL
    )
    """,
    """
    COMMENT ON TABLE operation IS
        'Replay, verify, close and the like, the last run of each: operational state, no view of events'
    """,
    "COMMENT ON COLUMN operation.updated_at IS 'Told about once a second; a running one that is silent was broken off'",
    "COMMENT ON COLUMN operation.ended_at IS 'The last end; while an operation runs, that of the run before'",
    "COMMENT ON COLUMN operation.succeeded_at IS 'The last end without a failure'",
    "CREATE INDEX dead_letter_waiting ON dead_letter (dead_letter_id) WHERE replayed_at IS NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
