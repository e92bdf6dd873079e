"""What managers are from which day on; portfolios that say when they end; customers as they are now."""

from alembic import op

revision = "assignment_2026_11_24_careers"
down_revision = "assignment_2026_11_24_policy"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE standing (
        manager_id     text    NOT NULL,
        effective_from date    NOT NULL,
        status         text    NOT NULL,
        grade          text    NOT NULL,
        branch_id      text    NOT NULL,
        team_id        text    NULL,
        sworn          boolean NOT NULL,
        PRIMARY KEY (manager_id, effective_from)
    )
    """,
    "COMMENT ON TABLE standing IS 'What a manager is from a day on, until the next one''s'",
    """
    INSERT INTO standing
    SELECT DISTINCT ON (manager_id, day) manager_id, day,
           CASE WHEN confirmed_on <= day THEN 'confirmed' ELSE 'probation' END,
           grade, branch_id, team_id, coalesce(confidentiality_signed_on <= day, false)
    FROM manager, unnest(ARRAY[coalesce(hired_on, DATE '1900-01-01'), confirmed_on, confidentiality_signed_on]) AS day
    WHERE day >= coalesce(hired_on, DATE '1900-01-01')
    """,
    "ALTER TABLE manager DROP COLUMN branch_id, DROP COLUMN team_id, DROP COLUMN grade",
    "ALTER TABLE manager ADD COLUMN departed_on date NULL",
    "ALTER TABLE portfolio ADD COLUMN effective_to date NULL",
    """
    UPDATE portfolio SET effective_to = (
        SELECT min(effective_from) FROM assignment
        WHERE assignment.customer_id = portfolio.customer_id
          AND assignment.effective_from > portfolio.effective_from
    )
    """,
    """
    COMMENT ON TABLE portfolio IS
        'The shares of assignment by manager; one holds until before effective_to, the next effective date'
    """,
    "ALTER TABLE customer ADD COLUMN registered_on date NULL",
    """
    UPDATE customer SET registered_on = event.business_date FROM event
    WHERE event.stream = 'customer-' || customer.customer_id AND event.version = 1
    """,
    "ALTER TABLE customer ALTER COLUMN registered_on SET NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
