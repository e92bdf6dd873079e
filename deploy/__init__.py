"""Running it: the ``dualbook`` command, a local Kafka, and what an installation needs."""
