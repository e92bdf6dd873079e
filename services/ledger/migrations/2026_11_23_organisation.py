"""Where managers belong, and what products add to their departments."""

from alembic import op

revision = "ledger_2026_11_23_organisation"
down_revision = "ledger_2026_11_23_close"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE manager_place (
        manager_id text PRIMARY KEY,
        team_id    text NULL,
        branch_id  text NOT NULL
    )
    """,
    """
    CREATE TABLE product_month (
        shard         smallint  NOT NULL,
        period        integer   NOT NULL,
        department_id text      NOT NULL,
        product_code  text      NOT NULL,
        line          line_name NOT NULL,
        legs          bigint    NOT NULL,
        amount        bigint    NOT NULL,
        PRIMARY KEY (shard, period, department_id, product_code, line)
    ) WITH (fillfactor = 70)
    """,
    """
    COMMENT ON TABLE product_month IS
        'A product''s month in a department: sums of the department book''s legs, contra legs left out; one row a shard'
    """,
    "COMMENT ON COLUMN product_month.product_code IS 'empty where a month close gives an amount to a whole department'",
    """
    INSERT INTO product_month
    SELECT shard, period, department_id, coalesce(product_code, ''), line, count(*), sum(amount)
    FROM leg WHERE book = 'department' AND NOT contra
    GROUP BY shard, period, department_id, coalesce(product_code, ''), line
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
