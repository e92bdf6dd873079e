"""Tokens: who gets in, and every way not to."""

import asyncio
import base64
import hashlib
import hmac
import json
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.infrastructure import auth, keys
from shared.infrastructure.auth import Authenticator, Principal, Role, Unauthenticated, issue_token
from shared.infrastructure.embedded_keys import signing_key
from shared.infrastructure.keys import IssuerUnavailable
from shared.infrastructure.settings import Misconfigured, Settings

ISSUER, AUDIENCE = "https://id.bank.example/realms/bank", "dualbook"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def embedded(tmp_path: Path) -> Authenticator:
    return Authenticator(Settings(data=tmp_path))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    full = {
        "iss": auth.EMBEDDED_ISSUER,
        "aud": auth.EMBEDDED_AUDIENCE,
        "sub": "m1",
        "roles": ["manager"],
        "iat": now,
        "exp": now + 60,
    } | changes
    return {name: value for name, value in full.items() if value is not None}


async def refusal(authenticator: Authenticator, authorization: str | None) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await authenticator.authenticate(authorization)
    return str(refused.value)


# --- the embedded issuer


async def test_an_issued_token_names_its_bearer_and_their_roles(
    embedded: Authenticator, tmp_path: Path
) -> None:
    token = issue_token(tmp_path, [Role.ACCOUNTANT, Role.AUDITOR], "u1")
    principal = await embedded.authenticate(f"Bearer {token}")
    assert principal == Principal("u1", frozenset({Role.ACCOUNTANT, Role.AUDITOR}))
    assert await embedded.authenticate(f"bearer {token}") == principal


async def test_a_manager_is_who_the_token_says_they_are(embedded: Authenticator, tmp_path: Path) -> None:
    principal = await embedded.authenticate(f"Bearer {issue_token(tmp_path, [Role.MANAGER], 'm1')}")
    assert principal.manager == "m1"
    assert principal.department is None


@pytest.mark.parametrize(("claim", "expected"), [("retail", "retail"), (None, "d1")])
async def test_a_department_head_answers_for_the_department_claimed_or_else_the_subject(
    embedded: Authenticator, tmp_path: Path, claim: str | None, expected: str
) -> None:
    token = issue_token(tmp_path, [Role.DEPARTMENT_HEAD], "d1", department=claim)
    principal = await embedded.authenticate(f"Bearer {token}")
    assert principal.department == expected
    assert principal.manager is None


def test_an_admin_has_every_role_and_others_only_their_own() -> None:
    assert Principal("a", frozenset({Role.ADMIN})).has(Role.APPROVER)
    accountant = Principal("b", frozenset({Role.ACCOUNTANT}))
    assert accountant.has(Role.APPROVER, Role.ACCOUNTANT)
    assert not accountant.has(Role.APPROVER, Role.ADMIN)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Token abc"])
async def test_without_a_bearer_token_nobody_is_anybody(embedded: Authenticator, header: str | None) -> None:
    assert "Authorization: Bearer" in await refusal(embedded, header)


async def test_an_expired_token_is_refused(embedded: Authenticator, tmp_path: Path) -> None:
    token = issue_token(tmp_path, [Role.ADMIN], "u1", lifetime=timedelta(seconds=-1))
    assert await refusal(embedded, f"Bearer {token}") == "The token has expired."


async def test_a_remembered_token_still_expires(
    embedded: Authenticator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issue_token(tmp_path, [Role.ADMIN], "u1", lifetime=timedelta(seconds=1))
    await embedded.authenticate(f"Bearer {token}")
    await asyncio.sleep(2.0)
    assert await refusal(embedded, f"Bearer {token}") == "The token has expired."


async def test_what_is_remembered_stays_bounded(
    embedded: Authenticator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_TOKENS", 2)
    for number in range(5):
        await embedded.authenticate(f"Bearer {issue_token(tmp_path, [], f'u{number}')}")
    assert len(embedded._remembered) <= 2


async def test_a_token_without_signature_is_refused(embedded: Authenticator) -> None:
    token = jwt.encode(claims(), "", algorithm="none")
    assert "algorithm" in await refusal(embedded, f"Bearer {token}")


async def test_the_public_key_does_not_pass_as_a_shared_secret(
    embedded: Authenticator, tmp_path: Path
) -> None:
    public = signing_key(tmp_path).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims(roles=["admin"]))
    digest = hmac.new(public, signed, hashlib.sha256).digest()
    token = (signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()
    assert "algorithm" in await refusal(embedded, f"Bearer {token}")


async def test_a_token_signed_by_another_key_is_refused(embedded: Authenticator) -> None:
    token = jwt.encode(claims(), EC_KEY, algorithm="ES256")
    assert "signature" in await refusal(embedded, f"Bearer {token}")


async def test_a_tampered_token_is_refused(embedded: Authenticator, tmp_path: Path) -> None:
    head, _, tail = issue_token(tmp_path, [Role.MANAGER], "m1").split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(roles=["admin"])).encode()).rstrip(b"=").decode()
    assert "signature" in await refusal(embedded, f"Bearer {head}.{forged}.{tail}")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"aud": "another-service"}, "another audience"),
        ({"aud": None}, "lacks the claim aud"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "lacks the claim iss"),
        ({"exp": None}, "lacks the claim exp"),
        ({"iat": None}, "lacks the claim iat"),
        ({"sub": None}, "lacks the claim sub"),
        ({"sub": ""}, "subject is empty"),
        ({"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200}, "not valid yet"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
        ({"exp": "soon"}, "cannot be read"),
    ],
)
async def test_every_claim_must_be_there_and_right(
    embedded: Authenticator, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    token = jwt.encode(claims(**changes), signing_key(tmp_path), algorithm="ES256")
    assert says in await refusal(embedded, f"Bearer {token}")


@pytest.mark.parametrize("token", ["x", "a.b.c", "....", "é.é.é", "A" * 20_000, "bnVsbA.bnVsbA.bnVsbA"])
async def test_garbage_is_refused_without_being_repeated(embedded: Authenticator, token: str) -> None:
    assert token not in await refusal(embedded, f"Bearer {token}")


@pytest.mark.parametrize("roles", [None, "admin", 7, {"admin": True}, [["admin"]], ["root", None]])
async def test_roles_of_another_shape_or_name_give_nothing(
    embedded: Authenticator, tmp_path: Path, roles: object
) -> None:
    token = jwt.encode(claims(roles=roles), signing_key(tmp_path), algorithm="ES256")
    principal = await embedded.authenticate(f"Bearer {token}")
    assert principal.roles == frozenset()


# --- the key in the data folder


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    signing_key(tmp_path)
    path = tmp_path / "keys" / "signing.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.pem"]


def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    signing_key(tmp_path)
    (tmp_path / "keys" / "signing.pem").chmod(0o644)
    with pytest.raises(Misconfigured, match="others can read"):
        Authenticator(Settings(data=tmp_path))


def test_processes_that_start_at_once_end_up_with_the_same_key(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from shared.infrastructure.auth import issue_token
print("ready", flush=True)
sys.stdin.readline()
for attempt in range(20):
    print(issue_token(Path(sys.argv[1]) / str(attempt), [], "u1"))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    started = [subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) for _ in range(4)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        tokens, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        for attempt, token in enumerate(tokens.splitlines()):
            public = signing_key(tmp_path / str(attempt)).public_key()
            jwt.decode(token, public, algorithms=["ES256"], audience=auth.EMBEDDED_AUDIENCE)


# --- a real issuer


class Issuer:
    """An OIDC provider in memory, counting how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [jwk(EC_KEY, "k1"), jwk(RSA_KEY, "k2")]
        self.named = ISSUER
        self.jwks_uri = "https://id.bank.example/jwks"
        self.up = True
        self.asked = 0

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("no route to host")
        if str(request.url) == ISSUER + "/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": self.named, "jwks_uri": self.jwks_uri})
        assert str(request.url) == self.jwks_uri
        self.asked += 1
        return httpx.Response(200, json={"keys": self.keys})


def jwk(key: Any, kid: str, **changes: Any) -> dict[str, Any]:
    algorithm = (
        jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    )
    return dict(algorithm.to_jwk(key.public_key(), as_dict=True)) | {"kid": kid, "use": "sig"} | changes


def oidc_token(key: Any = EC_KEY, kid: str | None = "k1", algorithm: str = "ES256", **changes: Any) -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(iss=ISSUER, aud=AUDIENCE, **changes), key, algorithm=algorithm, headers=headers)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def production(issuer: Issuer, tmp_path: Path) -> Authenticator:
    settings = Settings(data=tmp_path, oidc_issuer=ISSUER, oidc_audience=AUDIENCE)
    return Authenticator(settings, issuer.transport())


async def test_tokens_of_the_issuer_are_accepted_in_both_algorithms(production: Authenticator) -> None:
    await production.authenticate(f"Bearer {oidc_token()}")
    principal = await production.authenticate(f"Bearer {oidc_token(RSA_KEY, 'k2', 'RS256')}")
    assert principal == Principal("m1", frozenset({Role.MANAGER}))


async def test_roles_may_stand_where_keycloak_puts_them(production: Authenticator) -> None:
    token = oidc_token(roles=None, realm_access={"roles": ["auditor", "offline_access"]})
    assert (await production.authenticate(f"Bearer {token}")).roles == {Role.AUDITOR}


async def test_a_token_for_another_audience_or_of_another_issuer_is_refused(
    production: Authenticator,
) -> None:
    other = jwt.encode(claims(iss=ISSUER, aud="other"), EC_KEY, algorithm="ES256", headers={"kid": "k1"})
    assert "another audience" in await refusal(production, f"Bearer {other}")
    foreign = jwt.encode(claims(aud=AUDIENCE), EC_KEY, algorithm="ES256", headers={"kid": "k1"})
    assert "another issuer" in await refusal(production, f"Bearer {foreign}")


async def test_the_embedded_key_means_nothing_where_there_is_an_issuer(
    production: Authenticator, tmp_path: Path
) -> None:
    await refusal(production, f"Bearer {issue_token(tmp_path, [Role.ADMIN], 'u1')}")


async def test_a_key_serves_only_the_algorithm_it_is_for(production: Authenticator) -> None:
    assert "algorithm" in await refusal(production, f"Bearer {oidc_token(RSA_KEY, 'k1', 'RS256')}")
    assert "algorithm" in await refusal(production, f"Bearer {oidc_token(RSA_KEY, 'k2', 'RS512')}")


async def test_keys_are_fetched_once_for_many_tokens(production: Authenticator, issuer: Issuer) -> None:
    tokens = [oidc_token(sub=f"u{number}") for number in range(10)]
    await asyncio.gather(*(production.authenticate(f"Bearer {token}") for token in tokens))
    assert issuer.asked == 1


async def test_a_new_key_is_found_and_forged_key_ids_do_not_become_load(
    production: Authenticator, issuer: Issuer, clock: Callable[[float], None]
) -> None:
    await production.authenticate(f"Bearer {oidc_token()}")
    for number in range(10):
        await refusal(production, f"Bearer {oidc_token(kid=f'forged-{number}')}")
    assert issuer.asked == 1

    issuer.keys.append(jwk(EC_KEY, "k3"))
    clock(keys.REFETCH_SECONDS)
    await production.authenticate(f"Bearer {oidc_token(kid='k3')}")
    assert issuer.asked == 2


async def test_a_withdrawn_key_loses_its_force(
    production: Authenticator, issuer: Issuer, clock: Callable[[float], None]
) -> None:
    await production.authenticate(f"Bearer {oidc_token()}")
    issuer.keys = [jwk(RSA_KEY, "k2")]
    clock(keys.KEYS_LIVE_SECONDS)
    await refusal(production, f"Bearer {oidc_token(sub='u2')}")


async def test_known_keys_outlast_an_issuer_that_is_down(
    production: Authenticator, issuer: Issuer, clock: Callable[[float], None]
) -> None:
    await production.authenticate(f"Bearer {oidc_token()}")
    issuer.up = False
    clock(keys.KEYS_LIVE_SECONDS)
    await production.authenticate(f"Bearer {oidc_token(sub='u2')}")


async def test_an_issuer_down_from_the_start_is_not_the_callers_fault(
    production: Authenticator, issuer: Issuer, clock: Callable[[float], None]
) -> None:
    issuer.up = False
    with pytest.raises(IssuerUnavailable):
        await production.authenticate(f"Bearer {oidc_token()}")
    issuer.up = True
    clock(keys.RETRY_SECONDS)
    await production.authenticate(f"Bearer {oidc_token()}")


async def test_a_discovery_document_of_someone_else_is_not_believed(
    production: Authenticator, issuer: Issuer
) -> None:
    issuer.named = "https://evil.example"
    with pytest.raises(IssuerUnavailable):
        await production.authenticate(f"Bearer {oidc_token()}")


async def test_keys_are_not_fetched_in_the_clear(production: Authenticator, issuer: Issuer) -> None:
    issuer.jwks_uri = "http://id.bank.example/jwks"
    with pytest.raises(IssuerUnavailable):
        await production.authenticate(f"Bearer {oidc_token()}")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_keys_that_are_short_shared_or_not_for_our_signatures_are_left_out(
    production: Authenticator, issuer: Issuer
) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    shared = b"x" * 32
    issuer.keys = [
        jwk(short, "short"),
        jwk(EC_KEY, "encryption", use="enc"),
        jwk(RSA_KEY, "long-hash", alg="RS512"),
        {"kty": "oct", "k": base64.urlsafe_b64encode(shared).rstrip(b"=").decode(), "kid": "shared"},
        {"kty": "nonsense"},
        jwk(EC_KEY, "k1"),
    ]
    await production.authenticate(f"Bearer {oidc_token()}")
    for token in (
        oidc_token(short, "short", "RS256"),
        oidc_token(EC_KEY, "encryption", "ES256"),
        oidc_token(RSA_KEY, "long-hash", "RS512"),
        oidc_token(shared, "shared", "HS256"),
    ):
        await refusal(production, f"Bearer {token}")


async def test_a_token_without_key_id_is_tried_with_the_only_key_there_is(
    production: Authenticator, issuer: Issuer
) -> None:
    issuer.keys = [jwk(EC_KEY, "k1")]
    await production.authenticate(f"Bearer {oidc_token(kid=None)}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the key cache's clock forward."""
    passed = 0.0
    real = time.monotonic

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return real() + passed

    def forward(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(keys, "time", Clock)
    return forward
