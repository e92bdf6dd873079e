"""``python -m deploy.local.healthy ledger [readyz]``: exits with 0 if the service on this machine answers well.

For probes inside a container: over loopback the service asks for no token. Imports next to nothing, as it runs often.
"""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

_SERVICES = ("assignment", "ledger", "appraisal")
_PATIENCE_SECONDS = 5


def is_well(service: str, path: str = "healthz") -> bool:
    """Whether ``/healthz`` or ``/readyz`` of the service answers 200."""
    port = int(os.environ.get("DUALBOOK_BASE_PORT") or 8000) + 1 + _SERVICES.index(service)
    try:
        with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=_PATIENCE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(not is_well(*sys.argv[1:]))
