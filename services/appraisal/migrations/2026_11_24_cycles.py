"""Schemes, cycles and their scorecards."""

from alembic import op

revision = "appraisal_2026_11_24_cycles"
down_revision = "appraisal_2026_11_24_adjustments"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE scheme (
        scheme_id      text    NOT NULL,
        version        integer NOT NULL,
        effective_from date    NOT NULL,
        content        json    NOT NULL,
        PRIMARY KEY (scheme_id, version)
    )
    """,
    """
    CREATE TABLE cycle (
        cycle_id              text        PRIMARY KEY,
        period                text        NOT NULL,
        kind                  text        NOT NULL,
        status                text        NOT NULL,
        calibration_limit     numeric     NOT NULL,
        opened_by             text        NOT NULL,
        opened_at             timestamptz NOT NULL,
        frozen_at             timestamptz NULL,
        published_at          timestamptz NULL,
        scored_by             text        NULL,
        approved_by           text        NULL,
        computed_from         json        NULL,
        cards                 integer     NULL,
        manager_efficiency    bigint      NULL,
        department_efficiency bigint      NULL,
        ledger_efficiency     bigint      NULL
    )
    """,
    "COMMENT ON COLUMN cycle.computed_from IS 'Position and hash of the ledger when the period''s last month closed'",
    """
    CREATE TABLE card (
        cycle_id       text    NOT NULL,
        side           text    NOT NULL,
        centre_id      text    NOT NULL,
        group_id       text    NULL,
        scheme_id      text    NULL,
        scheme_version integer NULL,
        efficiency     bigint  NOT NULL,
        inputs         json    NOT NULL,
        manual         json    NOT NULL DEFAULT '{}',
        scored         json    NULL,
        total          numeric NULL,
        rating         text    NULL,
        published      boolean NOT NULL DEFAULT false,
        PRIMARY KEY (cycle_id, side, centre_id)
    )
    """,
    "COMMENT ON COLUMN card.group_id IS 'Grade of a manager on the period''s last day, or the department'",
    "CREATE INDEX card_by_centre ON card (side, centre_id, cycle_id)",
    """
    CREATE TABLE appeal (
        cycle_id    text NOT NULL,
        side        text NOT NULL,
        centre_id   text NOT NULL,
        grounds     text NOT NULL,
        appealed_by text NOT NULL,
        status      text NOT NULL CHECK (status IN ('open', 'upheld', 'rejected')),
        rating      text NULL,
        reason      text NULL,
        decided_by  text NULL,
        PRIMARY KEY (cycle_id, side, centre_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
