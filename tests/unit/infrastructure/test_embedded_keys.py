"""Rotating the embedded signing key: what the old one signed counts until it expires, and no longer."""

import time
from pathlib import Path

import pytest

from shared.infrastructure import auth, embedded_keys
from shared.infrastructure.auth import Authenticator, Role, Unauthenticated, issue_token
from shared.infrastructure.embedded_keys import TOKEN_LIFETIME, rotate_signing_key
from shared.infrastructure.settings import Settings

DAY = TOKEN_LIFETIME.total_seconds()


@pytest.fixture
def authenticator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    """A service that is at work all the time, and looks at every token anew."""
    monkeypatch.setattr(auth, "REMEMBERED_SECONDS", 0.0)
    return Authenticator(Settings(data=tmp_path, oidc_issuer=None, host="127.0.0.1"))


async def accepts(authenticator: Authenticator, token: str) -> bool:
    try:
        await authenticator.authenticate(f"Bearer {token}")
    except Unauthenticated:
        return False
    return True


async def test_tokens_of_the_old_key_stay_valid_until_they_would_have_expired(
    authenticator: Authenticator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issue_token(tmp_path, [Role.AUDITOR], "otto")
    key = rotate_signing_key(tmp_path)
    new = issue_token(tmp_path, [Role.AUDITOR], "otto", lifetime=3 * TOKEN_LIFETIME)
    assert await accepts(authenticator, old)
    assert await accepts(authenticator, new)
    assert rotate_signing_key(tmp_path) != key
    assert await accepts(authenticator, old)
    assert await accepts(authenticator, new)
    later = time.time() + DAY + 5
    monkeypatch.setattr(embedded_keys.time, "time", lambda: later)
    assert not await accepts(authenticator, new), "though it says that it lives on, its key is gone"
    rotate_signing_key(tmp_path)
    assert len(list((tmp_path / "keys").glob("retired-*"))) == 1, "keys that count no more are thrown away"


async def test_a_key_that_others_know_is_void_at_once(authenticator: Authenticator, tmp_path: Path) -> None:
    first = issue_token(tmp_path, [Role.ADMIN], "root")
    rotate_signing_key(tmp_path)
    second = issue_token(tmp_path, [Role.ADMIN], "root")
    rotate_signing_key(tmp_path, at_once=True)
    assert not await accepts(authenticator, first)
    assert not await accepts(authenticator, second)
    assert await accepts(authenticator, issue_token(tmp_path, [Role.ADMIN], "root"))
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing.pem"]


async def test_nobody_else_can_read_what_a_rotation_writes(tmp_path: Path) -> None:
    rotate_signing_key(tmp_path)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "keys").iterdir()} == {"0o600"}
