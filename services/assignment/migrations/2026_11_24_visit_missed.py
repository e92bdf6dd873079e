"""Visits that were not made by their day."""

from alembic import op

revision = "assignment_2026_11_24_missed"
down_revision = "assignment_2026_11_24_processes"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE visit_cycle (
        customer_id text    PRIMARY KEY,
        tier        text    NOT NULL,
        began_on    date    NULL,
        visited_on  date    NULL,
        visit_id    text    NULL,
        told        boolean NOT NULL DEFAULT false
    )
    """,
    "COMMENT ON TABLE visit_cycle IS 'Each customer''s last visit but calls; told: that the next one was missed'",
    """
    CREATE INDEX visit_cycle_open ON visit_cycle (tier, coalesce(visited_on, began_on)) WHERE NOT told
    """,
    """
    INSERT INTO visit_cycle (customer_id, tier, began_on, visited_on, visit_id)
    SELECT customer_id, tier, (SELECT min(effective_from) FROM assignment
                               WHERE assignment.customer_id = customer.customer_id
                                 AND json_array_length(shares) > 0),
           last.visited_on, last.visit_id
    FROM customer LEFT JOIN LATERAL (
        SELECT visited_on, visit_id FROM visit WHERE visit.customer_id = customer.customer_id AND kind <> 'call'
        ORDER BY visited_on DESC, visit_id DESC LIMIT 1
    ) AS last ON true
    """,
    """
    CREATE TABLE promised_visit (
        customer_id text NOT NULL,
        visit_id    text PRIMARY KEY,
        visited_on  date NOT NULL,
        revisit_on  date NOT NULL
    )
    """,
    "COMMENT ON TABLE promised_visit IS 'Promised revisits that were neither made nor told as missed'",
    "CREATE INDEX promised_visit_by_day ON promised_visit (revisit_on)",
    "CREATE INDEX promised_visit_by_customer ON promised_visit (customer_id)",
    """
    INSERT INTO promised_visit (customer_id, visit_id, visited_on, revisit_on)
    SELECT customer_id, visit.visit_id, visit.visited_on, revisit_on
    FROM visit JOIN visit_cycle USING (customer_id)
    WHERE revisit_on IS NOT NULL
      AND (visit_cycle.visit_id IS NULL
           OR (visit.visited_on, visit.visit_id) >= (visit_cycle.visited_on, visit_cycle.visit_id))
    """,
    """
    CREATE TABLE visit_missed (
        customer_id text NOT NULL,
        due_on      date NOT NULL,
        manager_id  text NOT NULL,
        PRIMARY KEY (customer_id, due_on)
    )
    """,
    "COMMENT ON COLUMN visit_missed.manager_id IS 'Who had the largest share of the customer on the due day'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
