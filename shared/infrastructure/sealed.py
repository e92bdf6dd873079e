"""Personal data (个人信息) sealed with a key per person, so that it can be erased where nothing else ever is.

Events are kept for ever, chained by hashes and copied into views and backups; a name in them could never be
taken back. So they carry it as a sealed text (AES-256-GCM), and its key lies in the table ``personal_key``,
which is no view and no event. Erasing a person's data is deleting that one row: every sealed text of theirs,
wherever it was copied to, is noise from then on, while hash chain, replay and verify do not notice. The keys
themselves are wrapped where there is a key to wrap them with (``keyring``).
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure.keyring import ON_CONNECTIONS, Keyring

_SCHEME = "v1."
_KEY_BITS, _NONCE_BYTES = 256, 12

PersonalData = Mapping[str, str]
"""Field by field: ``{"name": "王小明"}``."""


def seal(key: bytes, owner: str, data: PersonalData) -> str:
    """The data, readable with ``key`` and as that of ``owner`` only: it cannot be moved to another person."""
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext = AESGCM(key).encrypt(nonce, orjson.dumps(data), owner.encode())
    return _SCHEME + b64encode(nonce + ciphertext).decode()


def unseal(key: bytes, owner: str, sealed: str) -> dict[str, str]:
    """What was sealed; raises InvalidTag when it was tampered with, or the owner or key is another."""
    blob = b64decode(sealed.removeprefix(_SCHEME), validate=True)
    opened = AESGCM(key).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], owner.encode())
    data: dict[str, str] = orjson.loads(opened)
    return data


async def keys_for(connection: AsyncConnection, owners: Collection[str]) -> dict[str, bytes]:
    """The keys of these owners (streams), made for those that have no history yet.

    In the transaction that writes the first event, with the stream's shard locked. Absent is who was erased:
    a new key would make them look as if they were not.
    """
    wanted, keyring = sorted(set(owners)), _keyring(connection)
    fresh = [keyring.wrap(owner, AESGCM.generate_key(_KEY_BITS)) for owner in wanted]
    await connection.execute(
        text(
            "INSERT INTO personal_key (owner, key) "
            "SELECT owner, key "
            "FROM unnest(cast(:owners AS text[]), cast(:keys AS bytea[])) AS fresh (owner, key) "
            "WHERE NOT EXISTS (SELECT FROM event WHERE event.stream = fresh.owner) "
            "ON CONFLICT (owner) DO NOTHING"
        ),
        {"owners": wanted, "keys": fresh},
    )
    return await keys_of(connection, wanted)


async def keys_of(connection: AsyncConnection, owners: Collection[str]) -> dict[str, bytes]:
    """The keys of those of these owners who have one."""
    rows = await connection.execute(
        text("SELECT owner, key FROM personal_key WHERE owner = ANY(:owners)"), {"owners": list(owners)}
    )
    keyring = _keyring(connection)
    return {row.owner: keyring.unwrap(row.owner, row.key) for row in rows}


def _keyring(connection: AsyncConnection) -> Keyring:
    """What the service's connections carry; elsewhere keys are kept as they are."""
    keyring = connection.info.get(ON_CONNECTIONS)
    return keyring if isinstance(keyring, Keyring) else Keyring()


async def rewrap(connection: AsyncConnection, after: str, limit: int) -> tuple[str | None, int]:
    """Wrap the keys of the next owners with the keyring's first key; the last of these owners, and how many changed.

    None where there is nobody behind ``after``. No sealed text is touched, and nobody who is erased meanwhile comes
    back.
    """
    keyring = _keyring(connection)
    rows = await connection.execute(
        text(
            "SELECT owner, key FROM personal_key WHERE owner > :after ORDER BY owner LIMIT :limit FOR UPDATE"
        ),
        {"after": after, "limit": limit},
    )
    found = {row.owner: row.key for row in rows}
    changed = {
        owner: keyring.wrap(owner, keyring.unwrap(owner, kept))
        for owner, kept in found.items()
        if not keyring.is_current(kept)
    }
    await connection.execute(
        text(
            "UPDATE personal_key SET key = fresh.key "
            "FROM unnest(cast(:owners AS text[]), cast(:keys AS bytea[])) AS fresh (owner, key) "
            "WHERE personal_key.owner = fresh.owner"
        ),
        {"owners": list(changed), "keys": list(changed.values())},
    )
    return next(reversed(found), None), len(changed)


async def unsealed(connection: AsyncConnection, sealed: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The data by owner, from sealed texts by owner; absent is who was erased."""
    keys = await keys_of(connection, list(sealed))
    return {owner: unseal(key, owner, sealed[owner]) for owner, key in keys.items()}


async def erase(connection: AsyncConnection, owner: str) -> bool:
    """Make all sealed texts of this owner unreadable for ever; False when they were so before."""
    deleted = await connection.execute(
        text("DELETE FROM personal_key WHERE owner = :owner RETURNING owner"), {"owner": owner}
    )
    return deleted.first() is not None
