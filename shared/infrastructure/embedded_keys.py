"""The embedded issuer's keys in the data folder: one that signs, and retired ones until all they signed has expired.

A retired key is its public half, in a file that is named by when it stops counting. Services look at the folder again
when it has changed, so a rotation needs no restart.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from shared.infrastructure.settings import Misconfigured

TOKEN_LIFETIME = timedelta(days=1)
"""No token lives longer, so a retired key is kept for as long."""

_SIGNING = "signing.pem"
_RETIRED = "retired-*-*.pem"


def signing_key(data: Path) -> ec.EllipticCurvePrivateKey:
    """The private key that signs, made on first use. All processes on one data folder get the same."""
    path = data / "keys" / _SIGNING
    if not path.exists():
        draft = _draft(path.parent, _fresh())
        with suppress(FileExistsError):  # the first process to link wins, and none ever sees half a file
            os.link(draft, path)
        draft.unlink()
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"{path}: others can read the signing key; make it chmod 600 or delete it")
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Misconfigured(f"{path}: is not an ECDSA P-256 private key")
    return key


def rotate_signing_key(data: Path, *, at_once: bool = False) -> str:
    """Sign with a new key from now on; returns its id.

    Tokens of the old one stay valid until they expire; ``at_once`` they, and all before, are worth nothing any more.
    """
    old, folder, now = signing_key(data).public_key(), data / "keys", time.time()
    if not at_once:
        until = int(now + TOKEN_LIFETIME.total_seconds()) + 1
        pem = old.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _draft(folder, pem).replace(folder / f"retired-{until}-{key_id(old)}.pem")
    for path in folder.glob(_RETIRED):
        if at_once or _until(path) <= now:
            path.unlink()
    _draft(folder, _fresh()).replace(folder / _SIGNING)
    return key_id(signing_key(data).public_key())


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """The name by which a token's header refers to a key."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]


def _fresh() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _draft(folder: Path, content: bytes) -> Path:
    """A complete file, mode 0600 from the start, to be linked or moved into place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return Path(name)


def _until(retired: Path) -> float:
    return float(retired.name.split("-")[1])


class EmbeddedKeys:
    """The public halves of the keys in the data folder."""

    algorithms = ("ES256",)

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder = data / "keys"
        self._read()

    def _read(self) -> None:
        current = signing_key(self._data).public_key()
        self._changed_at = self._folder.stat().st_mtime_ns
        retired = sorted(self._folder.glob(_RETIRED), key=_until)
        self._keys = [(_until(path), _public(path)) for path in retired] + [(float("inf"), current)]

    async def key_for(self, header: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
        """The key that a token's header names; raises InvalidKeyError where it does not count any more.

        A token without a name for its key is of a version that knew one key only: the oldest there is.
        """
        if self._folder.stat().st_mtime_ns != self._changed_at:
            self._read()
        kid, now = header.get("kid"), time.time()
        for until, key in self._keys:
            if until > now and kid in (None, key_id(key)):
                return key
        raise jwt.InvalidKeyError("unknown key id")


def _public(path: Path) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Misconfigured(f"{path}: is not an ECDSA P-256 public key")
    return key
