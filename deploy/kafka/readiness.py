"""Whether a broker answers: one Metadata request of the Kafka protocol, spoken by hand.

A client library would do, but needs an event loop of its own and logs every refused connection as an error.
An open port would not do: any program may have opened it. The cluster's id in the answer is that of the data.
"""

import socket
import struct
from io import BytesIO
from typing import Final

_METADATA: Final = 3
_VERSION: Final = 2  # the first that carries the cluster's id


def cluster_served_at(port: int, timeout_seconds: float = 2.0) -> str | None:
    """The id of the cluster whose broker serves on this local port, or None while there is no such answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds) as connection:
            connection.sendall(_request())
            answer = connection.makefile("rb")
            (size,) = struct.unpack(">i", answer.read(4))
            return _cluster_of(BytesIO(answer.read(size)))
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _request() -> bytes:
    """Ask for no topic at all: the answer then is the cluster's id and the brokers that are in service."""
    client = b"dualbook"
    header = struct.pack(f">hhih{len(client)}s", _METADATA, _VERSION, 1, len(client), client)
    body = struct.pack(">i", 0)
    return struct.pack(">i", len(header) + len(body)) + header + body


def _cluster_of(answer: BytesIO) -> str | None:
    """Read the answer up to the cluster's id. A broker that may not serve yet is not among the brokers."""
    _correlation, brokers = struct.unpack(">ii", answer.read(8))
    for _ in range(brokers):
        answer.read(4)
        _text(answer)
        answer.read(4)
        _text(answer)
    cluster = _text(answer)
    return cluster if brokers > 0 else None


def _text(answer: BytesIO) -> str | None:
    (length,) = struct.unpack(">h", answer.read(2))
    return answer.read(length).decode() if length >= 0 else None
