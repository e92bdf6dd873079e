"""The register of customers: what closed months brought, and the classes of loans."""

from alembic import op

revision = "assignment_2026_11_24_register"
down_revision = "assignment_2026_11_24_compliance"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE customer_result (
        customer_id  text    NOT NULL,
        month        integer NOT NULL,
        deposits     bigint  NOT NULL,
        loans        bigint  NOT NULL,
        contribution bigint  NOT NULL,
        products     text[]  NOT NULL,
        PRIMARY KEY (customer_id, month)
    )
    """,
    "COMMENT ON TABLE customer_result IS 'Stocks at the end of a closed month, and its flows; in minor units'",
    """
    CREATE TABLE customer_loan (
        customer_id     text    NOT NULL,
        loan_id         text    NOT NULL,
        loan_class      text    NOT NULL,
        closed          boolean NOT NULL,
        since           date    NOT NULL,
        ledger_position bigint  NOT NULL,
        PRIMARY KEY (customer_id, loan_id)
    )
    """,
    "CREATE TABLE closed_month (month integer PRIMARY KEY)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
