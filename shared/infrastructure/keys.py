"""The keys that prove a token: one pair in the data folder, or those an OIDC issuer publishes."""

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from shared.infrastructure.settings import Misconfigured, is_trustworthy

KEYS_LIVE_SECONDS = 600.0
"""Published keys are fetched again after this time, so that a withdrawn one loses its force."""

REFETCH_SECONDS = 60.0
"""An unknown key id makes us look again at most this often: forged ids must not become load on the issuer."""

RETRY_SECONDS = 5.0
"""The pause after a failed fetch while no key at all is known."""

FETCH_TIMEOUT_SECONDS = 5.0
SHORTEST_RSA_BITS = 2048

log = structlog.get_logger()


class IssuerUnavailable(Exception):
    """The token issuer cannot be reached now, so nobody unknown can be verified. Over HTTP: 503."""


def signing_key(data: Path) -> ec.EllipticCurvePrivateKey:
    """The embedded issuer's private key, made on first use. All processes on one data folder get the same."""
    path = data / "keys" / "signing.pem"
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"{path}: others can read the signing key; make it chmod 600 or delete it")
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Misconfigured(f"{path}: is not an ECDSA P-256 private key")
    return key


def _create(path: Path) -> None:
    """Write a complete draft (mode 0600 from the start), then link it into place.

    The first process to link wins, and none ever sees half a file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()


class EmbeddedKey:
    """The public half of the key in the data folder."""

    algorithms = ("ES256",)

    def __init__(self, data: Path) -> None:
        self._key = signing_key(data).public_key()

    async def key_for(self, _header: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
        return self._key


class IssuerKeys:
    """The keys an OIDC issuer publishes (discovery document, then JWKS), cached by key id."""

    algorithms = ("RS256", "ES256")

    def __init__(self, issuer: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._issuer = issuer
        self._transport = transport
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._stale_at = self._fetch_from = 0.0
        self._fetching = asyncio.Lock()

    async def key_for(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The key that a token's header names; raises InvalidKeyError or IssuerUnavailable."""
        kid = header.get("kid")
        if not self._known(kid):
            async with self._fetching:
                if not self._known(kid) and time.monotonic() >= self._fetch_from:
                    await self._refresh()
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if kid in self._keys:
            return self._keys[kid]
        if not self._keys:
            raise IssuerUnavailable("The token issuer's keys cannot be fetched now.")
        raise jwt.InvalidKeyError("unknown key id")

    def _known(self, kid: str | None) -> bool:
        return time.monotonic() < self._stale_at and (kid in self._keys or kid is None)

    async def _refresh(self) -> None:
        try:
            self._keys = await self._fetch()
            self._stale_at = time.monotonic() + KEYS_LIVE_SECONDS
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning("token issuer unavailable", issuer=self._issuer, reason=reason)
        self._fetch_from = time.monotonic() + (REFETCH_SECONDS if self._keys else RETRY_SECONDS)

    async def _fetch(self) -> dict[str | None, jwt.PyJWK]:
        async with httpx.AsyncClient(transport=self._transport, timeout=FETCH_TIMEOUT_SECONDS) as client:
            discovered = await self._get(
                client, self._issuer.rstrip("/") + "/.well-known/openid-configuration"
            )
            if discovered["issuer"] != self._issuer:
                raise ValueError("the discovery document names another issuer")
            published = await self._get(client, discovered["jwks_uri"])
        keys = jwt.PyJWKSet.from_dict(published).keys
        usable = {key.key_id: key for key in keys if self._usable(key)}
        if not usable:
            raise ValueError(f"no key for {' or '.join(self.algorithms)} is published")
        return usable

    async def _get(self, client: httpx.AsyncClient, url: str) -> dict[str, Any]:
        if not is_trustworthy(url):
            raise ValueError("keys are fetched over https only")
        response = await client.get(url)
        document = response.raise_for_status().json()
        if not isinstance(document, dict):
            raise ValueError("the answer is not a JSON object")
        return document

    def _usable(self, key: jwt.PyJWK) -> bool:
        long_enough = not isinstance(key.key, rsa.RSAPublicKey) or key.key.key_size >= SHORTEST_RSA_BITS
        return key.algorithm_name in self.algorithms and key.public_key_use in (None, "sig") and long_enough
