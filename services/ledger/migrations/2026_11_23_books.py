"""The books: legs, what they add up to, and what decides the next booking."""

from alembic import op

from shared.kernel.books import Book, Line, LoanClass

revision = "ledger_2026_11_23"
down_revision = None
branch_labels = ("ledger",)
depends_on = "store_2026_11_23"


def _enum(name: str, values: type[Book] | type[Line] | type[LoanClass]) -> str:
    return f"CREATE TYPE {name} AS ENUM ({', '.join(repr(value.value) for value in values)})"


STATEMENTS = (
    _enum("book_name", Book),
    _enum("line_name", Line),
    _enum("loan_class", LoanClass),
    """
    CREATE TABLE leg (
        shard          smallint NOT NULL,
        position       bigint   NOT NULL,
        number         smallint NOT NULL,
        book           book_name     NOT NULL,
        line           line_name     NOT NULL,
        centre_id      text     NOT NULL,
        contra         boolean  NOT NULL,
        amount         bigint   NOT NULL CHECK (amount <> 0),
        business_date  date     NOT NULL,
        period         integer  NOT NULL,
        adjusts_period integer  NULL,
        customer_id    text     NULL,
        account_id     text     NULL,
        product_code   text     NOT NULL,
        department_id  text     NOT NULL,
        PRIMARY KEY (shard, position, number)
    )
    """,
    "COMMENT ON COLUMN leg.amount IS 'minor units, signed for the centre'",
    "CREATE INDEX leg_by_centre ON leg (centre_id, period, line) WHERE NOT contra",
    "COMMENT ON INDEX leg_by_centre IS 'Contra centres are half of all legs, and nobody pages through them'",
    """
    CREATE FUNCTION refuse_unbalanced_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE broken record;
    BEGIN
        SELECT shard, position, line INTO broken
        FROM new_leg
        GROUP BY shard, position, line
        HAVING sum(amount) FILTER (WHERE book = 'manager') <> 0
            OR sum(amount) FILTER (WHERE book = 'department') <> 0
            OR sum(amount) FILTER (WHERE book = 'manager' AND NOT contra)
               IS DISTINCT FROM sum(amount) FILTER (WHERE book = 'department' AND NOT contra)
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry %/% is out of balance on line %', broken.shard, broken.position, broken.line
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    COMMENT ON FUNCTION refuse_unbalanced_entry IS
        'I1 and I2 of every entry and line; an entry''s legs are written by one statement, checked once a statement'
    """,
    """
    CREATE TRIGGER leg_is_balanced AFTER INSERT ON leg REFERENCING NEW TABLE AS new_leg
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_entry()
    """,
    """
    CREATE TRIGGER leg_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON leg
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE centre_month (
        shard     smallint NOT NULL,
        period    integer  NOT NULL,
        book      book_name     NOT NULL,
        centre_id text     NOT NULL,
        line      line_name     NOT NULL,
        contra    boolean  NOT NULL,
        amount    bigint   NOT NULL,
        by_10     bigint   NOT NULL,
        by_20     bigint   NOT NULL,
        PRIMARY KEY (shard, period, book, centre_id, line)
    ) WITH (fillfactor = 70)
    """,
    """
    COMMENT ON TABLE centre_month IS
        'A profit centre''s month: sums of its legs, up to the 10th, up to the 20th and in all; one row a shard'
    """,
    "CREATE INDEX centre_month_by_centre ON centre_month (book, centre_id, period)",
    """
    CREATE TABLE month (
        shard   smallint NOT NULL,
        period  integer  NOT NULL,
        entries bigint   NOT NULL,
        PRIMARY KEY (shard, period)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE loan (
        loan_id     text       PRIMARY KEY,
        customer_id text       NOT NULL,
        outstanding bigint     NOT NULL CHECK (outstanding >= 0),
        held        bigint     NOT NULL CHECK (held >= 0),
        loan_class  loan_class NOT NULL,
        closed      boolean    NOT NULL,
        CONSTRAINT loan_has_one_customer UNIQUE (customer_id, loan_id)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE assignment (
        customer_id    text NOT NULL,
        effective_from date NOT NULL,
        shares         json NOT NULL,
        event_id       text NOT NULL,
        PRIMARY KEY (customer_id, effective_from)
    )
    """,
    "COMMENT ON COLUMN assignment.shares IS 'ten-thousandths by manager id'",
    """
    CREATE TABLE product (
        product_code   text NOT NULL,
        effective_from date NOT NULL,
        department_id  text NOT NULL,
        name           text NOT NULL,
        PRIMARY KEY (product_code, effective_from)
    )
    """,
    """
    CREATE TABLE policy (
        effective_month integer NOT NULL,
        number          integer NOT NULL,
        terms           json    NOT NULL,
        PRIMARY KEY (number)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
