"""Sources of indicators: staff, portfolios, loans, stated results, conduct and commitments."""

from alembic import op

revision = "appraisal_2026_11_24_sources"
down_revision = "appraisal_2026_11_24_cycles"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE staff (
        manager_id     text NOT NULL,
        kind           text NOT NULL CHECK (kind IN ('registered', 'graded', 'transferred', 'departed')),
        effective_from date NOT NULL,
        branch_id      text NULL,
        team_id        text NULL,
        grade          text NULL,
        PRIMARY KEY (manager_id, kind, effective_from)
    )
    """,
    "COMMENT ON TABLE staff IS 'What managers are from days on, as the assignment service says; the last word for each day'",
    """
    CREATE TABLE holding (
        customer_id    text    NOT NULL,
        effective_from date    NOT NULL,
        manager_id     text    NOT NULL,
        share          numeric NOT NULL,
        effective_to   date    NULL,
        PRIMARY KEY (customer_id, effective_from, manager_id)
    ) WITH (fillfactor = 80)
    """,
    """
    COMMENT ON TABLE holding IS
        'Who looks after a customer until before effective_to, null for ever; nobody is the manager "unassigned"'
    """,
    "CREATE INDEX holding_by_manager ON holding (manager_id, customer_id)",
    """
    CREATE TABLE loan_state (
        loan_id       text    NOT NULL,
        business_date date    NOT NULL,
        position      bigint  NOT NULL,
        customer_id   text    NOT NULL,
        loan_class    text    NOT NULL,
        stated        bigint  NOT NULL,
        outstanding   bigint  NOT NULL,
        PRIMARY KEY (loan_id, business_date, position)
    )
    """,
    """
    COMMENT ON COLUMN loan_state.stated IS
        'Outstanding when the entry at this position was booked, whatever its date; minor units'
    """,
    """
    COMMENT ON COLUMN loan_state.outstanding IS
        'Outstanding on the business date, with what was booked later for it and days before; minor units'
    """,
    """
    CREATE TABLE stated (
        book            book_name NOT NULL,
        centre_id       text      NOT NULL,
        month           integer   NOT NULL,
        deposit_balance bigint    NOT NULL,
        loan_balance    bigint    NOT NULL,
        deposit_average bigint    NOT NULL,
        loan_average    bigint    NOT NULL,
        PRIMARY KEY (book, centre_id, month)
    )
    """,
    "COMMENT ON TABLE stated IS 'Stocks and ten-day averages of closed months as the ledger stated them; minor units'",
    "CREATE INDEX stated_by_month ON stated (month)",
    "CREATE TABLE closed_month (month integer PRIMARY KEY)",
    """
    CREATE TABLE conduct (
        shard      smallint NOT NULL,
        month      integer  NOT NULL,
        manager_id text     NOT NULL,
        counted    text     NOT NULL,
        amount     numeric  NOT NULL,
        PRIMARY KEY (shard, month, manager_id, counted)
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON TABLE conduct IS 'Visits, answers, surveys, trainings, breaches, referrals of a manager''s month; a row a shard'",
    "CREATE INDEX conduct_by_month ON conduct (month)",
    """
    CREATE TABLE breach (
        duty_id    text    PRIMARY KEY,
        event_id   text    NOT NULL,
        kind       text    NOT NULL,
        due_on     date    NOT NULL,
        manager_id text    NOT NULL,
        serious    boolean NOT NULL
    )
    """,
    "COMMENT ON TABLE breach IS 'Breaches that a manager answers for'",
    "CREATE INDEX breach_by_day ON breach (due_on)",
    "CREATE TABLE done_late (duty_id text PRIMARY KEY, done_on date NOT NULL)",
    "COMMENT ON TABLE done_late IS 'Breached duties that were done after all'",
    """
    CREATE TABLE tender_commitment (
        tender_id        text   PRIMARY KEY,
        manager_id       text   NOT NULL,
        committed_profit bigint NOT NULL,
        effective_from   date   NOT NULL,
        effective_to     date   NOT NULL
    )
    """,
    "COMMENT ON COLUMN tender_commitment.committed_profit IS 'Minor units, for the year'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
