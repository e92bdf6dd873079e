"""The ladder's policy, changes of grade, measures, and the payroll."""

from alembic import op

revision = "appraisal_2026_11_24_ladder"
down_revision = "appraisal_2026_11_24_vault"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE ladder_policy (
        number         integer PRIMARY KEY,
        effective_from date    NOT NULL,
        terms          json    NOT NULL
    )
    """,
    "COMMENT ON COLUMN ladder_policy.number IS 'Version of the policy''s stream; of one day''s, the last counts'",
    """
    CREATE TABLE grade_change (
        change_id      text        PRIMARY KEY,
        manager_id     text        NOT NULL,
        cycle_id       text        NULL,
        direction      text        NOT NULL CHECK (direction IN ('up', 'down')),
        grade_before   text        NOT NULL,
        grade          text        NOT NULL,
        cycles         text[]      NOT NULL,
        last_month     integer     NULL,
        ground         text        NOT NULL,
        status         text        NOT NULL CHECK (status IN ('open', 'approved', 'rejected')),
        proposed_by    text        NOT NULL,
        proposed_at    timestamptz NOT NULL,
        decided_by     text        NULL,
        decided_at     timestamptz NULL,
        reason         text        NULL,
        effective_from date        NULL,
        outcome        text        NULL CHECK (outcome IN ('applied', 'refused')),
        outcome_reason text        NULL
    )
    """,
    "COMMENT ON COLUMN grade_change.cycle_id IS 'The closed cycle on account of which it is due; null for measures'",
    "COMMENT ON COLUMN grade_change.outcome IS 'What the assignment service made of it, null until it says so'",
    "CREATE INDEX grade_change_by_cycle ON grade_change (cycle_id, manager_id)",
    "CREATE INDEX grade_change_by_manager ON grade_change (manager_id)",
    """
    CREATE TABLE measure (
        measure_id        text        PRIMARY KEY,
        manager_id        text        NOT NULL,
        kind              text        NOT NULL,
        amount            bigint      NULL,
        ground            text        NOT NULL,
        effective_from    date        NOT NULL,
        cycle_id          text        NULL,
        status            text        NOT NULL,
        proposed_by       text        NOT NULL,
        proposed_at       timestamptz NOT NULL,
        decided_by        text        NULL,
        reason            text        NULL,
        payable           integer     NULL,
        grounds           text        NULL,
        appeal_decided_by text        NULL,
        appeal_reason     text        NULL
    )
    """,
    "COMMENT ON COLUMN measure.amount IS 'Minor units'",
    "COMMENT ON COLUMN measure.payable IS 'Month YYYYMM with whose salary the amount is paid or kept back'",
    "CREATE INDEX measure_by_manager ON measure (manager_id, measure_id)",
    """
    CREATE TABLE payroll_item (
        event_id      text    PRIMARY KEY,
        month         integer NOT NULL,
        manager_id    text    NOT NULL,
        item          text    NOT NULL,
        reference     text    NOT NULL,
        business_date date    NOT NULL,
        amount        bigint  NOT NULL
    )
    """,
    "CREATE INDEX payroll_item_by_month ON payroll_item (month, manager_id, item, reference)",
    "COMMENT ON COLUMN payroll_item.amount IS 'Minor units, positive where the manager gets it'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
