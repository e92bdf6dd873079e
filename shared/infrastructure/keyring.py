"""Keys that wrap keys (密钥加密密钥): persons' keys, kept in the database, are of no use without a file outside it.

The file has one key a line, 32 bytes in Base64. The first wraps (AES-256-GCM), every one unwraps what it has wrapped,
so that the first can be replaced while the services work. It is read again when a key turns up that it did not have.
"""

import os
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.infrastructure.settings import PREFIX, Misconfigured

VARIABLE = f"{PREFIX}PERSONAL_KEY_FILE"
ON_CONNECTIONS = "keyring"
"""Where a connection to a service's database carries it."""

_KEY_BYTES, _NONCE_BYTES, _ID_BYTES = 32, 12, 8
_WRAPPED = b"w1"


class KeyMissing(Exception):
    """The file lacks the key that has wrapped a person's key. The message names it by its id."""


class Keyring:
    """The keys of the file. Without a file keys are kept as they are, and what is wrapped cannot be read."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises Misconfigured, never repeating what stands in the file."""
        self._path = path
        self._keys: dict[bytes, AESGCM] = {}
        self._first = b""
        if path is not None:
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            mode, lines = path.stat().st_mode, path.read_text().split()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{VARIABLE}: {path} cannot be read ({type(error).__name__})") from None
        if mode & 0o007:
            raise Misconfigured(f"{VARIABLE}: everybody can read {path}; make it chmod 600")
        keys = [_decoded(line) for line in lines]
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise Misconfigured(f"{VARIABLE}: {path} must have {_KEY_BYTES} bytes in Base64 on each line")
        self._keys = {_id_of(key): AESGCM(key) for key in keys}
        self._first = _id_of(keys[0])

    def wrap(self, owner: str, key: bytes) -> bytes:
        """The owner's key as it is to be kept."""
        if self._path is None:
            return key
        nonce = os.urandom(_NONCE_BYTES)
        return _WRAPPED + self._first + nonce + self._keys[self._first].encrypt(nonce, key, owner.encode())

    def unwrap(self, owner: str, kept: bytes) -> bytes:
        """The owner's key; raises KeyMissing."""
        if len(kept) == _KEY_BYTES:  # kept before there was a file
            return kept
        behind = len(_WRAPPED) + _ID_BYTES
        name = kept[len(_WRAPPED) : behind]
        if name not in self._keys and self._path is not None:
            self._read(self._path)
        if name not in self._keys:
            raise KeyMissing(f"{VARIABLE}: lacks the key {name.hex()}, which has wrapped keys of persons")
        return self._keys[name].decrypt(
            kept[behind : behind + _NONCE_BYTES], kept[behind + _NONCE_BYTES :], owner.encode()
        )

    def is_current(self, kept: bytes) -> bool:
        """Whether the key is kept as ``wrap`` would keep it now."""
        return kept.startswith(_WRAPPED + self._first) if self._first else len(kept) == _KEY_BYTES


def _decoded(line: str) -> bytes:
    try:
        return b64decode(line, validate=True)
    except ValueError:
        return b""


def _id_of(key: bytes) -> bytes:
    """Names a key without saying anything of it."""
    return sha256(b"dualbook key id" + key).digest()[:_ID_BYTES]
