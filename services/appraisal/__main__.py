"""``python -m services.appraisal serve | migrate | replay | verify``"""

from services.appraisal.main import define
from shared.infrastructure.service_command import run

if __name__ == "__main__":
    run("appraisal", define)
