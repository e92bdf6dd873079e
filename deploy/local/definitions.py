"""The services of an installation, by name."""

from services.appraisal.main import define as define_appraisal
from services.assignment.main import define as define_assignment
from services.ledger.main import define as define_ledger

DEFINITIONS = {"assignment": define_assignment, "ledger": define_ledger, "appraisal": define_appraisal}
