"""A real single-node Apache Kafka without Docker, from the artifacts in Maven Central.

`python -m deploy.kafka` runs it in the foreground; tests use the class `Broker`.
"""

from deploy.kafka.broker import Broker, BrokerError, install

__all__ = ["Broker", "BrokerError", "install"]
