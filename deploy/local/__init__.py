"""The ``dualbook`` command: all services on one machine, and the sources of facts to feed them."""
