"""Who is calling, and what they may do: bearer tokens (JWT), roles, and the dependency that routes ask.

Signatures are checked against a fixed list of asymmetric algorithms only, so that neither ``none`` nor a
public key used as a shared secret can pass. Issuer, audience, times and subject must all be there.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import jwt
from fastapi import Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from structlog.contextvars import bind_contextvars

from shared.infrastructure.embedded_keys import TOKEN_LIFETIME, EmbeddedKeys, key_id, signing_key
from shared.infrastructure.keys import IssuerKeys
from shared.infrastructure.settings import Settings, is_loopback

EMBEDDED_ISSUER = EMBEDDED_AUDIENCE = "urn:dualbook:embedded"
LONGEST_TOKEN = 16 * 1024
REMEMBERED_SECONDS, REMEMBERED_TOKENS = 60.0, 1024
"""Checking a signature costs more than most reads, so a token that passed is remembered for a minute, never
beyond its expiry; a key that its issuer withdraws is honoured that much longer at most."""


class Role(StrEnum):
    """What a caller is trusted with (contract: who may do what)."""

    CORE = "core"
    ASSIGNER = "assigner"
    APPROVER = "approver"
    ACCOUNTANT = "accountant"
    MANAGER = "manager"
    DEPARTMENT_HEAD = "department-head"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Unauthenticated(Exception):
    """The caller did not prove who they are. Over HTTP: 401."""


class Forbidden(Exception):
    """The caller is known, but this is not theirs to do. Over HTTP: 403."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token was verified. ``department`` is the one a department head answers for."""

    subject: str
    roles: frozenset[Role]
    department: str | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the caller bears one of ``roles``; an admin bears all."""
        return Role.ADMIN in self.roles or not self.roles.isdisjoint(roles)

    @property
    def manager(self) -> str | None:
        """The manager whom the caller is, if they are one: the token's subject."""
        return self.subject if Role.MANAGER in self.roles else None


NOBODY = Principal("", frozenset())
"""Who calls without a token where none is needed."""


class Authenticator:
    """Verifies bearer tokens: of the configured OIDC issuer, or else those signed with the embedded key."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._keys: EmbeddedKeys | IssuerKeys
        if settings.oidc_issuer is not None:
            self._issuer, self._audience = settings.oidc_issuer, settings.oidc_audience
            self._keys, self._leeway = IssuerKeys(settings.oidc_issuer, transport), 30
        else:
            self._issuer, self._audience = EMBEDDED_ISSUER, EMBEDDED_AUDIENCE
            self._keys, self._leeway = EmbeddedKeys(settings.data), 0
        self._remembered: dict[str, tuple[float, Principal]] = {}

    async def authenticate(self, authorization: str | None) -> Principal:
        """The caller named by an ``Authorization`` header; raises Unauthenticated, saying what is wrong."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send the header Authorization: Bearer <token>.")
        now = time.time()
        forget_at, principal = self._remembered.get(token, (0.0, None))
        if principal is None or now >= forget_at:
            principal, expires_at = await self._verify(token)
            if len(self._remembered) >= REMEMBERED_TOKENS:
                self._remembered.clear()
            self._remembered[token] = min(now + REMEMBERED_SECONDS, expires_at), principal
        return principal

    async def _verify(self, token: str) -> tuple[Principal, float]:
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated("The token is too long.")
        try:
            claims = jwt.decode(
                token,
                await self._keys.key_for(jwt.get_unverified_header(token)),
                algorithms=self._keys.algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": ["iss", "aud", "exp", "iat", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(f"The token is not valid: {_reason(error)}") from None
        if not claims["sub"]:
            raise Unauthenticated("The token is not valid: its subject is empty.")
        return _principal(claims), float(claims["exp"])


def _reason(error: Exception) -> str:
    """Why a token fails, for its bearer. Never the library's own words where those may repeat the token's."""
    match error:
        case jwt.InvalidAudienceError():
            return "it was issued for another audience."
        case jwt.InvalidIssuerError():
            return "it comes from another issuer."
        case jwt.MissingRequiredClaimError():
            return f"it lacks the claim {error.claim}."
        case jwt.ImmatureSignatureError() | jwt.InvalidIssuedAtError():
            return "it is not valid yet."
        case jwt.InvalidAlgorithmError():
            return "its algorithm is not accepted here."
        case _:
            return "it cannot be read, or its signature does not match."


def _principal(claims: Mapping[str, Any]) -> Principal:
    realm = claims.get("realm_access")
    named = claims.get("roles", realm.get("roles") if isinstance(realm, Mapping) else None)
    roles = frozenset(role for role in Role if isinstance(named, list) and role.value in named)
    department = claims.get("department")
    if not isinstance(department, str) or not department:
        department = claims["sub"]
    return Principal(claims["sub"], roles, department if Role.DEPARTMENT_HEAD in roles else None)


def issue_token(
    data: Path,
    roles: Iterable[Role],
    subject: str,
    lifetime: timedelta = TOKEN_LIFETIME,
    department: str | None = None,
) -> str:
    """A token of the embedded issuer, for services on the same data folder; makes the key if need be."""
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": EMBEDDED_ISSUER,
        "aud": EMBEDDED_AUDIENCE,
        "sub": subject,
        "roles": sorted(set(roles)),
        "iat": now,
        "exp": now + lifetime,
    }
    if department is not None:
        claims["department"] = department
    key = signing_key(data)
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id(key.public_key())})


class Gate(SecurityBase):
    """A dependency that lets a caller through or raises, and declares the bearer scheme in OpenAPI."""

    model = HTTPBearerModel(bearerFormat="JWT", description="See `dualbook token --help`.")
    scheme_name = "bearer"

    def __init__(self, roles: Sequence[Role], *, open_on_loopback: bool = False) -> None:
        self._roles = roles
        self._open_on_loopback = open_on_loopback

    async def __call__(self, request: Request) -> Principal:
        if self._open_on_loopback and request.client is not None and is_loopback(request.client.host):
            return NOBODY
        authenticator: Authenticator = request.app.state.authenticator
        principal = await authenticator.authenticate(request.headers.get("authorization"))
        bind_contextvars(actor=principal.subject)
        if self._roles and not principal.has(*self._roles):
            raise Forbidden(f"This needs one of the roles {', '.join((*self._roles, Role.ADMIN))}.")
        return principal


def allow(*roles: Role, reads: bool = False) -> Gate:
    """The dependency of a route for bearers of one of ``roles`` or of ``admin``; without roles, of any token.

    ``reads=True`` marks a route that only reads: it is open to ``auditor`` as well.
    """
    return Gate((*roles, Role.AUDITOR) if roles and reads else roles)


def allow_local() -> Gate:
    """The dependency of a route for operators: open to this machine, and else to bearers of any token."""
    return Gate((), open_on_loopback=True)
