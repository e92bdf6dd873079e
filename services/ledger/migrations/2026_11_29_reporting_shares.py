"""Reporting views: whose loans are is found for all customers at once, not loan by loan."""

revision = "ledger_2026_11_29_loan_shares"
down_revision = "ledger_2026_11_29_reporting"
branch_labels = None
depends_on = None

VIEWS = "0b269581905ac06893fa04696d2014c585fba26e184dd8f2c210e93ccd29f05a"
"""The digest of ../reporting: every change of the views has a migration that names it."""


def upgrade() -> None:
    """Nothing but the views changes."""
