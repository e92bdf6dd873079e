"""Reporting views: cycles, scorecards, awards and the ladder. They are made anew behind the last migration (reporting_schema.py)."""

revision = "appraisal_2026_11_29_reporting"
down_revision = "appraisal_2026_11_24_ladder"
branch_labels = None
depends_on = None

VIEWS = "669c541538433d8b685a894ef787fe16b28f5f880a675e954836582d061254f2"
"""The digest of ../reporting: every change of the views has a migration that names it."""


def upgrade() -> None:
    """Nothing but the views changes."""
