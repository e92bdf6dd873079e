"""Receipts: what makes ``Idempotency-Key`` true. Same key and same body give the same answer, another body a 409.

The receipt is written in the transaction of what it answers for: there is no moment at which one exists without
the other. Only answers that changed something are kept; a refusal leaves nothing behind and may be tried again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.database import copy, driver_of
from shared.kernel.errors import Refusal

_LOCK = 0x72637074  # "rcpt"


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """Who asked what under which key."""

    subject: str
    route: str
    idempotency_key: str
    body: bytes

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells requests apart, whatever their body."""
        return self.subject, self.route, self.idempotency_key


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body and, where one aggregate was written, the version for the ``ETag`` of an HTTP answer."""

    status: int
    body: bytes
    version: int | None = None


_LOCKED = text(
    "SELECT pg_advisory_xact_lock(:space, hashtext(name)) FROM unnest(CAST(:names AS text[])) AS name"
)
_FIND = """
    SELECT subject, route, idempotency_key, body_hash, status, answer, version FROM receipt
    JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (subject, route, idempotency_key)
        USING (subject, route, idempotency_key)
"""


async def find(connection: AsyncConnection, keys: Sequence[ReceiptKey]) -> dict[ReceiptKey, Answer | Refusal]:
    """The first answers under these keys where there are any, or the refusal where the body was another.

    Waits for whoever is at it under the same key: what they did would have the second caller refused.
    """
    if not keys:
        return {}
    ordered = sorted(key.identity for key in keys)  # one order for all, so that nobody deadlocks
    names = [orjson.dumps(identity).decode() for identity in ordered]
    await connection.execute(_LOCKED, {"space": _LOCK, "names": names})
    driver = await driver_of(connection)
    rows = await driver.fetch(_FIND, *(list(column) for column in zip(*ordered, strict=True)))
    known = {(row["subject"], row["route"], row["idempotency_key"]): row for row in rows}
    return {key: _answer(key, known[key.identity]) for key in keys if key.identity in known}


def _answer(key: ReceiptKey, row: Mapping[str, Any]) -> Answer | Refusal:
    if row["body_hash"] != sha256(key.body).digest():
        return Refusal(
            "idempotency-key-names-one-request",
            "Idempotency-Key",
            "this key was used with another body before",
        )
    return Answer(row["status"], row["answer"], row["version"])


async def keep(connection: AsyncConnection, answers: Mapping[ReceiptKey, Answer]) -> None:
    """Remember the answers; a unique violation means that a second caller was at it at the same time."""
    if answers:
        await copy(connection, "receipt", _COLUMNS, [
            (*key.identity, sha256(key.body).digest(), answer.status, answer.body, answer.version)
            for key, answer in answers.items()
        ])  # fmt: skip


_COLUMNS = ("subject", "route", "idempotency_key", "body_hash", "status", "answer", "version")
