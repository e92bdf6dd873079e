"""Results: what the ledger's entries add up to for each centre, and which of them were taken in."""

from alembic import op

from shared.kernel.books import Book, Line

revision = "appraisal_2026_11_23"
down_revision = None
branch_labels = ("appraisal",)
depends_on = "store_2026_11_23"


def _enum(name: str, values: type[Book] | type[Line]) -> str:
    return f"CREATE TYPE {name} AS ENUM ({', '.join(repr(value.value) for value in values)})"


STATEMENTS = (
    _enum("book_name", Book),
    _enum("line_name", Line),
    """
    CREATE TABLE result (
        shard     smallint  NOT NULL,
        period    integer   NOT NULL,
        book      book_name NOT NULL,
        centre_id text      NOT NULL,
        line      line_name NOT NULL,
        amount    bigint    NOT NULL,
        PRIMARY KEY (shard, period, book, centre_id, line)
    ) WITH (fillfactor = 70)
    """,
    """
    COMMENT ON TABLE result IS 'Sums of a centre''s legs by month and line, contra centres left out; one row a shard'
    """,
    "COMMENT ON COLUMN result.amount IS 'minor units, signed for the centre'",
    "CREATE INDEX result_by_period ON result (period)",
    "CREATE INDEX result_by_centre ON result (book, centre_id, period)",
    """
    CREATE TABLE intake (
        ledger_shard smallint PRIMARY KEY,
        position     bigint   NOT NULL,
        entries      bigint   NOT NULL
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON TABLE intake IS 'Up to where each shard of the ledger was taken in, and how many entries of it'",
    """
    CREATE TABLE intake_run (
        ledger_shard   smallint NOT NULL,
        first_position bigint   NOT NULL,
        last_position  bigint   NOT NULL CHECK (last_position >= first_position),
        PRIMARY KEY (ledger_shard, first_position)
    ) WITH (fillfactor = 70)
    """,
    "COMMENT ON TABLE intake_run IS 'Positions of ledger entries that were counted, gap-free from first to last'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
