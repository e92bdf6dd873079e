"""Reporting views: periods, statements, both books side by side, loans and entries. They are made anew behind the last migration (reporting_schema.py)."""

revision = "ledger_2026_11_29_reporting"
down_revision = "ledger_2026_11_24_places"
branch_labels = None
depends_on = None

VIEWS = "d2073eb22cf5e8665c0ecf1c1f61ff4cbdd0b2375bc55b3d1357aa72686c1290"
"""The digest of ../reporting: every change of the views has a migration that names it."""


def upgrade() -> None:
    """Nothing but the views changes."""
