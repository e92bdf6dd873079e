"""Compliance: duties, sums of deposits, reviews and suspicious transaction reports."""

from alembic import op

revision = "assignment_2026_11_24_compliance"
down_revision = "assignment_2026_11_24_care"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE duty (
        duty_id     text    PRIMARY KEY,
        customer_id text    NOT NULL,
        kind        text    NOT NULL,
        raised_on   date    NOT NULL,
        due_on      date    NOT NULL,
        reason      text    NOT NULL,
        amount      bigint  NULL,
        status      text    NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'breached')),
        breached_by text    NULL,
        serious     boolean NULL,
        done_on     date    NULL,
        done_by     text    NULL,
        in_time     boolean NULL,
        sealed      text    NULL
    )
    """,
    "COMMENT ON TABLE duty IS 'One row a duty; what was breached stays so when it is done late'",
    "COMMENT ON COLUMN duty.amount IS 'minor units'",
    "COMMENT ON COLUMN duty.breached_by IS 'Manager responsible for the customer on the due day'",
    "COMMENT ON COLUMN duty.done_by IS 'Manager responsible for the customer on the day it was done'",
    "CREATE INDEX duty_by_due_on ON duty (due_on, duty_id)",
    "CREATE INDEX duty_by_customer ON duty (customer_id, due_on)",
    "CREATE INDEX duty_open ON duty (due_on, customer_id) WHERE status = 'open'",
    "CREATE INDEX duty_undone ON duty (kind, due_on) WHERE done_on IS NULL",
    """
    CREATE TABLE deposit_sum (
        customer_id   text   NOT NULL,
        business_date date   NOT NULL,
        paid_in       bigint NOT NULL,
        drawn         bigint NOT NULL,
        PRIMARY KEY (customer_id, business_date)
    ) WITH (fillfactor = 80)
    """,
    "COMMENT ON TABLE deposit_sum IS 'What a customer paid in and drew on a business day, minor units'",
    "CREATE TABLE deposit_seen (event_id text PRIMARY KEY)",
    "COMMENT ON TABLE deposit_seen IS 'Postings that are counted in deposit_sum'",
    """
    CREATE TABLE review (
        review_id   text        PRIMARY KEY,
        customer_id text        NOT NULL,
        number      bigint      NOT NULL,
        risk_rating text        NOT NULL,
        reviewed_on date        NOT NULL,
        next_due_on date        NOT NULL,
        actor       text        NOT NULL,
        recorded_at timestamptz NOT NULL,
        sealed      text        NULL,
        UNIQUE (customer_id, number)
    )
    """,
    """
    CREATE TABLE review_due (
        customer_id   text   PRIMARY KEY,
        registered_on date   NOT NULL,
        reviews       bigint NOT NULL DEFAULT 0,
        reviewed_on   date   NULL,
        next_due_on   date   NULL
    )
    """,
    "COMMENT ON TABLE review_due IS 'Each customer''s last review; of those never reviewed the policy says when it is due'",
    "CREATE INDEX review_due_next ON review_due (next_due_on, customer_id) WHERE next_due_on IS NOT NULL",
    "CREATE INDEX review_due_first ON review_due (registered_on, customer_id) WHERE next_due_on IS NULL",
    """
    INSERT INTO review_due (customer_id, registered_on)
    SELECT data::json ->> 'customer_id', business_date FROM event WHERE type = 'CustomerRegistered'
    """,
    """
    CREATE TABLE suspicion (
        suspicion_id  text        PRIMARY KEY,
        customer_id   text        NOT NULL,
        observed_on   date        NOT NULL,
        reported_by   text        NOT NULL,
        reported_at   timestamptz NOT NULL,
        status        text        NOT NULL CHECK (status IN ('open', 'reported', 'dismissed')),
        reference     text        NULL,
        decided_by    text        NULL,
        decided_at    timestamptz NULL,
        sealed        text        NOT NULL,
        sealed_reason text        NULL
    )
    """,
    "CREATE INDEX suspicion_by_status ON suspicion (status, suspicion_id)",
    "CREATE INDEX suspicion_by_reporter ON suspicion (reported_by, suspicion_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
