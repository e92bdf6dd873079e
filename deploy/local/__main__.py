"""``python -m deploy.local``: the ``dualbook`` command where nothing is installed but the source."""

from deploy.local.cli import main

main()
