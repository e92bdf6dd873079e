"""Simulations: what was asked, how far it is, and the answer."""

from alembic import op

revision = "ledger_2026_11_23_simulation"
down_revision = "ledger_2026_11_23_organisation"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE simulation (
        simulation_id text        PRIMARY KEY,
        asked_by      text        NOT NULL,
        asked_at      timestamptz NOT NULL DEFAULT now(),
        period        text        NOT NULL,
        proposal      json        NOT NULL,
        status        text        NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),
        done          integer     NOT NULL,
        total         integer     NOT NULL,
        doing         text        NOT NULL,
        result        json        NULL,
        error         json        NULL,
        updated_at    timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    COMMENT ON TABLE simulation IS
        'Work that was asked for and its answers: operational state, no view of events; replay does not touch it'
    """,
    "COMMENT ON COLUMN simulation.updated_at IS 'Heartbeat of the process at work on it'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
