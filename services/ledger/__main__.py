"""``python -m services.ledger serve | migrate | replay | verify``"""

from services.ledger.main import define
from shared.infrastructure.service_command import run

if __name__ == "__main__":
    run("ledger", define)
