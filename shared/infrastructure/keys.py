"""The keys that prove a token: those that an OIDC issuer publishes."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.infrastructure.settings import is_trustworthy

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
