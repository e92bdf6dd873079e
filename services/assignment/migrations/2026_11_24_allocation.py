"""Allocation: the rules, what was allocated, and previews."""

from alembic import op

revision = "assignment_2026_11_24_allocation"
down_revision = "assignment_2026_11_24_register"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE allocation_rule (
        effective_from date        PRIMARY KEY,
        rules          json        NOT NULL,
        recorded_at    timestamptz NOT NULL,
        actor          text        NOT NULL
    )
    """,
    "COMMENT ON TABLE allocation_rule IS 'The last list for each effective date'",
    """
    CREATE TABLE allocation (
        allocation_id text        PRIMARY KEY,
        summary       json        NOT NULL,
        recorded_at   timestamptz NOT NULL,
        actor         text        NOT NULL
    )
    """,
    """
    CREATE TABLE allocation_preview (
        allocation_id  text        PRIMARY KEY,
        effective_from date        NOT NULL,
        scope          json        NOT NULL,
        summary        json        NOT NULL,
        asked_by       text        NOT NULL,
        asked_at       timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    COMMENT ON TABLE allocation_preview IS
        'What allocations would do, and in allocation_item to whom: operational state, no view of events'
    """,
    """
    CREATE TABLE allocation_item (
        allocation_id text NOT NULL,
        customer_id   text NOT NULL,
        status        text NOT NULL CHECK (status IN ('placed', 'unchanged', 'unplaced')),
        manager_id    text NULL,
        previous_id   text NULL,
        rule          text NULL,
        reason        text NULL,
        PRIMARY KEY (allocation_id, customer_id)
    )
    """,
    "CREATE INDEX allocation_item_by_manager ON allocation_item (allocation_id, manager_id, customer_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
