"""The keys of persons wrapped by keys outside of the database, and these rotated without touching an event."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes

import pytest
from cryptography.exceptions import InvalidTag

from deploy.operations import rotation
from deploy.operations.clients import OperationFailed
from deploy.operations.rotation import rewrap_personal_keys
from services.assignment.main import define
from shared.infrastructure.keyring import KeyMissing, Keyring
from shared.infrastructure.runtime import ServiceDefinition
from shared.infrastructure.settings import Misconfigured, Settings
from tests.integration.assignment.bank import Bank
from tests.support.services import data_folder, running_service

KEYS = "SELECT owner, key FROM personal_key ORDER BY owner"
EVENTS = "SELECT shard, position, hash FROM event ORDER BY shard, position"


def key() -> str:
    return b64encode(token_bytes(32)).decode()


def write(file: Path, *keys: str) -> Path:
    file.write_text("\n".join(keys) + "\n")
    file.chmod(0o600)
    return file


def named(database: str) -> Callable[[Settings], ServiceDefinition]:
    """The service on a database of another name than its own."""
    return lambda settings: replace(define(settings), name=database)


async def test_keys_are_wrapped_and_rotated_while_the_service_works_and_no_event_is_touched(
    bank: Bank, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = str(bank.service.database.url.database)
    monkeypatch.setitem(rotation.DEFINITIONS, "assignment", named(database))
    plain, events = dict(await bank.service.rows(KEYS)), await bank.service.rows(EVENTS)
    file = write(tmp_path / "personal.key", first := key())
    settings = Settings(data=data_folder(), kafka=None, oidc_issuer=None, personal_key_file=file)
    async with running_service(define, postgres_url, database=database, personal_key_file=file) as service:
        auditor = service.client("auditor", subject="eve")
        assert await rewrap_personal_keys(settings, postgres_url) == len(plain) == 3
        assert await rewrap_personal_keys(settings, postgres_url) == 0
        wrapped = dict(await service.rows(KEYS))
        assert wrapped.keys() == plain.keys()
        assert not any(plain[owner] in kept for owner, kept in wrapped.items())
        assert (await auditor.get("/v1/managers/m1")).json()["name"] == "王小明"

        write(file, second := key(), first)
        assert await rewrap_personal_keys(settings, postgres_url) == len(plain)
        write(file, second)
        assert (await auditor.get("/v1/customers/c1")).json()["name"] == "恒瑞纺织"
        assert await service.rows(EVENTS) == events
        assert await service.verify() is None

        assert (await Bank(service).welcome("c2", "新客户")).status_code == 201
        assert (await service.admin.post("/v1/customers/c1/erasure", json={"reason": "asked"})).is_success
        kept = dict(await service.rows(KEYS))
        assert "customer-c1" not in kept
        assert all(Keyring(file).is_current(one) for one in kept.values())
        assert (await auditor.get("/v1/customers/c2")).json()["name"] == "新客户"

    write(file, key())
    with pytest.raises(KeyMissing, match=r"PERSONAL_KEY_FILE: lacks the key [0-9a-f]{16}, which has wrapped"):
        await rewrap_personal_keys(settings, postgres_url)
    with pytest.raises(OperationFailed, match="DUALBOOK_PERSONAL_KEY_FILE: is not set"):
        await rewrap_personal_keys(settings.model_copy(update={"personal_key_file": None}), postgres_url)
    with pytest.raises(KeyMissing):
        Keyring().unwrap("customer-c2", kept["customer-c2"])


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("", 0o600, "must have 32 bytes in Base64 on each line"),
        ("c2hvcnQ=\n", 0o600, "must have 32 bytes in Base64 on each line"),
        ("no Base64!\n", 0o600, "must have 32 bytes in Base64 on each line"),
        (b64encode(bytes(32)).decode(), 0o644, "everybody can read .*; make it chmod 600"),
    ],
)
def test_a_file_that_is_no_key_file_is_refused_without_a_word_of_what_is_in_it(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    file = tmp_path / "personal.key"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(Misconfigured, match=f"^DUALBOOK_PERSONAL_KEY_FILE: .*{said}") as refused:
        Keyring(file)
    assert not content.strip() or content.strip() not in str(refused.value)
    with pytest.raises(Misconfigured, match=r"cannot be read \(FileNotFoundError\)"):
        Keyring(tmp_path / "nowhere")


def test_a_wrapped_key_is_of_its_owner_alone(tmp_path: Path) -> None:
    keyring = Keyring(write(tmp_path / "personal.key", key()))
    kept = keyring.wrap("customer-c1", b"k" * 32)
    assert keyring.unwrap("customer-c1", kept) == b"k" * 32
    with pytest.raises(InvalidTag):
        keyring.unwrap("customer-c2", kept)
