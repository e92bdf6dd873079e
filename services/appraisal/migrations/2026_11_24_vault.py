"""Incentives: policies, award sheets, awards with their instalments, clawbacks, and what they are reckoned from."""

from alembic import op

revision = "appraisal_2026_11_24_vault"
down_revision = "appraisal_2026_11_24_targets"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE incentive_policy (
        number         integer PRIMARY KEY,
        effective_from date    NOT NULL,
        terms          json    NOT NULL
    )
    """,
    """
    CREATE TABLE award_sheet (
        cycle_id    text        PRIMARY KEY,
        status      text        NOT NULL CHECK (status IN ('proposed', 'granted')),
        proposed_by text        NOT NULL,
        proposed_at timestamptz NOT NULL,
        approved_by text        NULL,
        approved_at timestamptz NULL,
        content     json        NOT NULL
    )
    """,
    "COMMENT ON TABLE award_sheet IS 'The latest proposal of a cycle''s awards; content is the event AwardsProposed'",
    """
    CREATE TABLE award (
        award_id      text   PRIMARY KEY,
        cycle_id      text   NOT NULL,
        manager_id    text   NOT NULL,
        first_month   integer NOT NULL,
        last_month    integer NOT NULL,
        granted_on    date   NOT NULL,
        amount        bigint NOT NULL,
        immediate     bigint NOT NULL,
        claimed       bigint NOT NULL DEFAULT 0,
        settled       bigint NOT NULL DEFAULT 0,
        content       json   NOT NULL,
        CHECK (0 <= settled AND settled <= claimed)
    )
    """,
    """
    COMMENT ON TABLE award IS
        'Awards granted; claimed is what is to be paid back beyond cancelled instalments, settled what was; minor units'
    """,
    "CREATE INDEX award_by_manager ON award (manager_id, cycle_id)",
    """
    CREATE TABLE instalment (
        award_id  text   NOT NULL,
        due_on    date   NOT NULL,
        amount    bigint NOT NULL,
        paid      bigint NOT NULL DEFAULT 0,
        cancelled bigint NOT NULL DEFAULT 0,
        paid_on   date   NULL,
        PRIMARY KEY (award_id, due_on),
        CHECK (paid >= 0 AND cancelled >= 0 AND paid + cancelled <= amount)
    ) WITH (fillfactor = 80)
    """,
    "COMMENT ON TABLE instalment IS 'Deferred parts of awards; what is neither paid nor cancelled is open; minor units'",
    "CREATE INDEX instalment_open ON instalment (due_on) WHERE paid + cancelled < amount",
    """
    CREATE TABLE clawback (
        clawback_id text   PRIMARY KEY,
        manager_id  text   NOT NULL,
        award_id    text   NOT NULL,
        released    boolean NOT NULL,
        content     json   NOT NULL
    )
    """,
    "COMMENT ON TABLE clawback IS 'What was clawed back of awards, or released again, event by event'",
    "CREATE INDEX clawback_by_award ON clawback (manager_id, award_id)",
    """
    CREATE TABLE department_fund (
        department_id text   NOT NULL,
        cycle_id      text   NOT NULL,
        amount        bigint NOT NULL,
        content       json   NOT NULL,
        PRIMARY KEY (department_id, cycle_id)
    )
    """,
    """
    CREATE TABLE loan_result (
        loan_id    text    NOT NULL,
        manager_id text    NOT NULL,
        period     integer NOT NULL,
        efficiency bigint  NOT NULL,
        PRIMARY KEY (loan_id, manager_id, period)
    ) WITH (fillfactor = 80)
    """,
    "COMMENT ON TABLE loan_result IS 'A manager''s efficiency from the legs of one loan; minor units'",
    """
    CREATE TABLE reclassification (
        ledger_shard  smallint NOT NULL,
        position      bigint   NOT NULL,
        loan_id       text     NOT NULL,
        loan_class    text     NOT NULL,
        business_date date     NOT NULL,
        log_offset    bigint   NOT NULL,
        entry_id      text     NOT NULL,
        cause_id      text     NOT NULL,
        worked        boolean  NOT NULL DEFAULT false,
        PRIMARY KEY (ledger_shard, position)
    )
    """,
    "COMMENT ON COLUMN reclassification.worked IS 'Whether it was followed up in the vaults that it concerns'",
    "CREATE INDEX reclassification_by_loan ON reclassification (loan_id, position)",
    "CREATE INDEX reclassification_unworked ON reclassification (ledger_shard, position) WHERE NOT worked",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
