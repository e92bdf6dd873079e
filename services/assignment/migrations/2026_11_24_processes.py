"""Tenders and hand-overs, and the customers that they claim."""

from alembic import op

revision = "assignment_2026_11_24_processes"
down_revision = "assignment_2026_11_24_allocation"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE claim (
        customer_id text NOT NULL,
        process     text NOT NULL CHECK (process IN ('tender', 'hand-over')),
        process_id  text NOT NULL,
        PRIMARY KEY (customer_id, process_id)
    )
    """,
    """
    COMMENT ON TABLE claim IS
        'Customers in open tenders and hand-overs; the rules see to it that none is in two, whatever the order of replay'
    """,
    "CREATE INDEX claim_by_process ON claim (process_id)",
    """
    CREATE TABLE tender (
        tender_id        text        PRIMARY KEY,
        customer_ids     text[]      NOT NULL,
        baseline_profit  bigint      NOT NULL,
        closes_at        timestamptz NOT NULL,
        lowest_grade     text        NOT NULL,
        lowest_rank      integer     NOT NULL,
        effective_from   date        NULL,
        opened_by        text        NOT NULL,
        opened_at        timestamptz NOT NULL,
        status           text        NOT NULL CHECK (status IN ('open', 'awarded', 'not-awarded', 'cancelled')),
        ended_at         timestamptz NULL,
        manager_id       text        NULL,
        committed_profit bigint      NULL,
        reason           text        NULL,
        CHECK ((status = 'awarded') = (manager_id IS NOT NULL))
    )
    """,
    """
    COMMENT ON COLUMN tender.effective_from IS 'The first day of the award; until there is one, null for the day after it'
    """,
    "COMMENT ON COLUMN tender.baseline_profit IS 'Minor units a year'",
    "COMMENT ON COLUMN tender.committed_profit IS 'Minor units a year; the winner''s, once there is one'",
    """
    CREATE TABLE bid (
        tender_id  text        NOT NULL,
        manager_id text        NOT NULL,
        number     bigint      NOT NULL,
        bid_at     timestamptz NOT NULL,
        sealed     text        NOT NULL,
        PRIMARY KEY (tender_id, manager_id)
    )
    """,
    "COMMENT ON TABLE bid IS 'Profit and plan, sealed with the tender''s key; opened when the tender is closed'",
    "CREATE INDEX bid_by_manager ON bid (manager_id, tender_id)",
    """
    CREATE TABLE hand_over (
        hand_over_id   text        PRIMARY KEY,
        manager_id     text        NOT NULL,
        ground         text        NOT NULL,
        effective_from date        NOT NULL,
        team_id        text        NULL,
        items          json        NOT NULL,
        successor_ids  text[]      NOT NULL,
        planned_by     text        NOT NULL,
        planned_at     timestamptz NOT NULL,
        status         text        NOT NULL CHECK (status IN ('planned', 'completed', 'cancelled')),
        ended_at       timestamptz NULL,
        ended_by       text        NULL,
        reason         text        NULL,
        complaint_ids  text[]      NOT NULL
    )
    """,
    "CREATE INDEX hand_over_by_manager ON hand_over (manager_id, hand_over_id)",
    "CREATE INDEX hand_over_by_successor ON hand_over USING gin (successor_ids)",
    """
    CREATE TABLE acknowledgement (
        hand_over_id    text        NOT NULL,
        manager_id      text        NOT NULL,
        acknowledged_at timestamptz NOT NULL,
        PRIMARY KEY (hand_over_id, manager_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
