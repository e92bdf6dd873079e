"""Managers, customers and who looks after whom; the keys of personal data."""

from alembic import op

revision = "assignment_2026_11_23"
down_revision = None
branch_labels = ("assignment",)
depends_on = "store_2026_11_23"

STATEMENTS = (
    """
    CREATE TABLE personal_key (
        owner      text        PRIMARY KEY,
        key        bytea       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    COMMENT ON TABLE personal_key IS
        'Keys of sealed personal data by stream; no view, never rebuilt: deleting a row erases the data for ever'
    """,
    """
    CREATE TABLE manager (
        manager_id                text PRIMARY KEY,
        branch_id                 text NOT NULL,
        team_id                   text NULL,
        grade                     text NOT NULL,
        hired_on                  date NULL,
        confirmed_on              date NULL,
        confidentiality_signed_on date NULL,
        sealed                    text NOT NULL
    )
    """,
    """
    CREATE TABLE customer (
        customer_id text PRIMARY KEY,
        kind        text NOT NULL,
        region      text NOT NULL,
        industry    text NOT NULL,
        tier        text NOT NULL,
        branch_id   text NOT NULL,
        sealed      text NOT NULL
    )
    """,
    """
    CREATE TABLE assignment (
        customer_id    text        NOT NULL,
        effective_from date        NOT NULL,
        shares         json        NOT NULL,
        reason         text        NOT NULL,
        recorded_at    timestamptz NOT NULL,
        actor          text        NOT NULL,
        PRIMARY KEY (customer_id, effective_from)
    )
    """,
    "COMMENT ON TABLE assignment IS 'The last word for each customer and effective date'",
    """
    CREATE TABLE portfolio (
        customer_id    text    NOT NULL,
        effective_from date    NOT NULL,
        manager_id     text    NOT NULL,
        share          numeric NOT NULL CHECK (share > 0 AND share <= 1),
        PRIMARY KEY (customer_id, effective_from, manager_id)
    )
    """,
    """
    COMMENT ON TABLE portfolio IS
        'The shares of assignment by manager; one holds until the customer''s next effective date in assignment'
    """,
    "CREATE INDEX portfolio_by_manager ON portfolio (manager_id, customer_id, effective_from)",
    """
    CREATE TABLE proposal (
        proposal_id text        PRIMARY KEY,
        key         text        NOT NULL,
        kind        text        NOT NULL,
        content     json        NOT NULL,
        status      text        NOT NULL CHECK (status IN ('open', 'approved', 'rejected')),
        proposed_by text        NOT NULL,
        proposed_at timestamptz NOT NULL,
        decided_by  text        NULL,
        decided_at  timestamptz NULL,
        reason      text        NULL
    )
    """,
    "COMMENT ON COLUMN proposal.key IS 'Id of the aggregate it concerns'",
    "CREATE INDEX proposal_open_by_key ON proposal (key) WHERE status = 'open'",
    "CREATE INDEX proposal_by_status ON proposal (status, proposal_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
