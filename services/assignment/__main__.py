"""``python -m services.assignment serve | migrate | replay | verify``"""

from services.assignment.main import define
from shared.infrastructure.service_command import run

if __name__ == "__main__":
    run("assignment", define)
