"""Reporting views: dead letters and operations. They are made anew behind the last migration (reporting_schema.py)."""

revision = "store_2026_11_29_reporting"
down_revision = "store_2026_11_29_dismissed"
branch_labels = None
depends_on = None

VIEWS = "69ddd4df0d9f4c4728814803ce87bd7fafa107f764de2389e3c201acc16a0b7f"
"""The digest of ../reporting: every change of the views has a migration that names it."""


def upgrade() -> None:
    """Nothing but the views changes."""
