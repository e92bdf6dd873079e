"""Departments: whose a loan is, and how many referrals they made business of."""

from alembic import op

revision = "appraisal_2026_11_29_departments"
down_revision = "appraisal_2026_11_29_reporting"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE loan_state ADD COLUMN department_id text NULL",
    """
    COMMENT ON COLUMN loan_state.department_id IS
        'That of the product on the business date; null where the entry was taken in before it was noted'
    """,
    """
    CREATE TABLE department_conduct (
        shard         smallint NOT NULL,
        month         integer  NOT NULL,
        department_id text     NOT NULL,
        counted       text     NOT NULL,
        amount        numeric  NOT NULL,
        PRIMARY KEY (shard, month, department_id, counted)
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON TABLE department_conduct IS 'Referrals that a department won in a month; a row a shard'",
    """
    INSERT INTO department_conduct (shard, month, department_id, counted, amount)
    SELECT shard, to_char(business_date, 'YYYYMM')::integer, data::json ->> 'department_id', 'referrals-won', count(*)
    FROM event WHERE type = 'ReferralClosed' AND data::json ->> 'outcome' = 'won'
    GROUP BY 1, 2, 3
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
