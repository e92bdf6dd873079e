"""Reporting views: managers, portfolios, processes, care and duties. They are made anew behind the last migration (reporting_schema.py)."""

revision = "assignment_2026_11_29_reporting"
down_revision = "assignment_2026_11_24_missed"
branch_labels = None
depends_on = None

VIEWS = "21754c8fd816ef386ddd6af7801a4983916b180d571c46237148e617bded25fe"
"""The digest of ../reporting: every change of the views has a migration that names it."""


def upgrade() -> None:
    """Nothing but the views changes."""
