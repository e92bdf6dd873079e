"""Receipts: what makes ``Idempotency-Key`` true. Same key and same body give the same answer, another body a 409.

The receipt is written in the transaction of what it answers for: there is no moment at which one exists without
the other. Only answers that changed something are kept; a refusal leaves nothing behind and may be tried again.
"""

from dataclasses import dataclass
from hashlib import sha256

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kernel.errors import Refusal

_LOCK = 0x72637074  # "rcpt"


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """Who asked what under which key."""

    subject: str
    route: str
    idempotency_key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body and, where one aggregate was written, the version for the ``ETag`` of an HTTP answer."""

    status: int
    body: bytes
    version: int | None = None


async def find(connection: AsyncConnection, key: ReceiptKey) -> Answer | None:
    """The first answer under this key; raises Refusal when the body was another.

    Waits for whoever is at it under the same key: what they did would have the second caller refused.
    """
    name = orjson.dumps([key.subject, key.route, key.idempotency_key]).decode()
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(:space, hashtext(:name))"), {"space": _LOCK, "name": name}
    )
    rows = await connection.execute(
        text(
            "SELECT body_hash, status, answer, version FROM receipt "
            "WHERE subject = :subject AND route = :route AND idempotency_key = :key"
        ),
        {"subject": key.subject, "route": key.route, "key": key.idempotency_key},
    )
    row = rows.first()
    if row is None:
        return None
    if row.body_hash != sha256(key.body).digest():
        raise Refusal(
            "idempotency-key-names-one-request",
            "Idempotency-Key",
            "this key was used with another body before",
        )
    return Answer(row.status, row.answer, row.version)


async def keep(connection: AsyncConnection, key: ReceiptKey, answer: Answer) -> None:
    """Remember the answer; a unique violation means that a second caller was at it at the same time."""
    await connection.execute(
        text(
            "INSERT INTO receipt (subject, route, idempotency_key, body_hash, status, answer, version) "
            "VALUES (:subject, :route, :key, :body_hash, :status, :answer, :version)"
        ),
        {
            "subject": key.subject,
            "route": key.route,
            "key": key.idempotency_key,
            "body_hash": sha256(key.body).digest(),
            "status": answer.status,
            "answer": answer.body,
            "version": answer.version,
        },
    )
