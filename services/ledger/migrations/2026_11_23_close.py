"""What changes hands, and the month close: cells of manager and department, closed months, cost pools."""

from alembic import op

revision = "ledger_2026_11_23_close"
down_revision = "ledger_2026_11_23"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE leg ALTER COLUMN product_code DROP NOT NULL, ALTER COLUMN number TYPE integer",
    "COMMENT ON COLUMN leg.product_code IS 'null where a month close gives an amount to a whole department'",
    """
    CREATE INDEX leg_by_customer ON leg (customer_id, business_date)
        WHERE book = 'department' AND NOT contra AND customer_id IS NOT NULL
    """,
    "COMMENT ON INDEX leg_by_customer IS 'A customer''s postings: the department book has every amount whole'",
    "CREATE INDEX leg_that_adjusts ON leg (period) WHERE adjusts_period IS NOT NULL",
    "CREATE INDEX event_by_time ON event USING brin (recorded_at) WITH (pages_per_range = 16)",
    """
    CREATE OR REPLACE FUNCTION refuse_unbalanced_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE broken record;
    BEGIN
        SELECT shard, position, line INTO broken
        FROM new_leg
        GROUP BY shard, position, line
        HAVING sum(amount) FILTER (WHERE book = 'manager') <> 0
            OR sum(amount) FILTER (WHERE book = 'department') <> 0
            OR coalesce(sum(amount) FILTER (WHERE book = 'manager' AND NOT contra), 0)
            <> coalesce(sum(amount) FILTER (WHERE book = 'department' AND NOT contra), 0)
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry %/% is out of balance on line %', broken.shard, broken.position, broken.line
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    "DROP TABLE centre_month",
    """
    CREATE TABLE centre_month (
        shard         smallint  NOT NULL,
        period        integer   NOT NULL,
        book          book_name NOT NULL,
        centre_id     text      NOT NULL,
        department_id text      NOT NULL,
        product_code  text      NOT NULL,
        line          line_name NOT NULL,
        contra        boolean   NOT NULL,
        legs          bigint    NOT NULL,
        amount        bigint    NOT NULL,
        by_10         bigint    NOT NULL,
        by_20         bigint    NOT NULL,
        PRIMARY KEY (shard, period, book, centre_id, department_id, product_code, line)
    ) WITH (fillfactor = 70)
    """,
    """
    COMMENT ON TABLE centre_month IS
        'A profit centre''s month of a product in a department: sums of its legs, up to the 10th, up to the 20th and '
        'in all; one row a shard'
    """,
    "COMMENT ON COLUMN centre_month.product_code IS 'empty where a month close gives an amount to a whole department'",
    "CREATE INDEX centre_month_by_centre ON centre_month (book, centre_id, period)",
    """
    INSERT INTO centre_month
    SELECT shard, period, book, centre_id, department_id, product_code, line, contra, count(*), sum(amount),
           coalesce(sum(amount) FILTER (WHERE extract(day FROM business_date) <= 10), 0),
           coalesce(sum(amount) FILTER (WHERE extract(day FROM business_date) <= 20), 0)
    FROM leg GROUP BY shard, period, book, centre_id, department_id, product_code, line, contra
    """,
    "DROP TABLE month",
    """
    CREATE TABLE month (
        shard          smallint NOT NULL,
        period         integer  NOT NULL,
        entries        bigint   NOT NULL,
        first_position bigint   NOT NULL,
        last_position  bigint   NOT NULL,
        PRIMARY KEY (shard, period)
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON COLUMN month.last_position IS 'All of the month''s legs lie between these two, others among them'",
    """
    INSERT INTO month
    SELECT shard, to_char(business_date, 'YYYYMM')::int, count(*), min(position), max(position)
    FROM event WHERE type = 'EntryBooked' GROUP BY 1, 2
    """,
    """
    CREATE TABLE period (
        month     integer     PRIMARY KEY,
        closed_at timestamptz NOT NULL,
        closed_by text        NOT NULL,
        entries   bigint      NOT NULL
    )
    """,
    """
    CREATE TABLE ftp_curve (
        name           text NOT NULL,
        effective_from date NOT NULL,
        rates          json NOT NULL,
        PRIMARY KEY (name, effective_from)
    )
    """,
    "COMMENT ON COLUMN ftp_curve.rates IS 'percent a year, as text, by tenor'",
    """
    CREATE TABLE cost_pool (
        month  integer NOT NULL,
        pool   text    NOT NULL,
        amount bigint  NOT NULL CHECK (amount > 0),
        driver text    NOT NULL,
        PRIMARY KEY (month, pool)
    )
    """,
    """
    CREATE TABLE computed_result (
        month         integer   NOT NULL,
        manager_id    text      NOT NULL,
        department_id text      NOT NULL,
        line          line_name NOT NULL,
        amount        bigint    NOT NULL,
        PRIMARY KEY (month, manager_id, department_id, line)
    )
    """,
    "COMMENT ON TABLE computed_result IS 'What the close of a month and all its true-ups booked, cell by cell'",
    """
    CREATE TABLE customer_stock (
        customer_id     text   PRIMARY KEY,
        deposit_balance bigint NOT NULL,
        loan_balance    bigint NOT NULL
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON TABLE customer_stock IS 'Stocks at the end of the last closed month in which anything was booked'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
