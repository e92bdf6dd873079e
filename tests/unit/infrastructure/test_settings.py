"""Settings: what the environment says, and how a wrong word in it is refused."""

import os
from pathlib import Path

import pytest

from shared.infrastructure.settings import Misconfigured, Settings, is_loopback, is_trustworthy

SECRET = "postgresql://bank:s3cr3t@db.internal:5432"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DUALBOOK_"):
            monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        Settings()
    return str(refused.value)


def test_an_empty_environment_is_a_complete_one_for_this_machine() -> None:
    settings = Settings()
    assert (settings.host, settings.base_port, settings.data) == ("127.0.0.1", 8000, Path(".dualbook"))
    assert settings.database_url is None
    assert settings.kafka is None
    assert settings.base_currency == "CNY"


def test_each_service_has_its_own_port_above_the_base_port() -> None:
    settings = Settings(base_port=9000)
    ports = [settings.port_of(service) for service in ("assignment", "ledger", "appraisal")]
    assert ports == [9001, 9002, 9003]


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALBOOK_KAFKA", "")
    assert Settings().kafka is None


def test_the_environment_is_read_with_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALBOOK_BASE_PORT", "8100")
    monkeypatch.setenv("DUALBOOK_KAFKA", "localhost:9092,broker-2:9092")
    monkeypatch.setenv("DUALBOOK_LOG_LEVEL", "WARNING")
    settings = Settings()
    assert (settings.base_port, settings.kafka) == (8100, "localhost:9092,broker-2:9092")
    assert settings.log_level == "warning"


@pytest.mark.parametrize("port", ["0", "65533", "eight"])
def test_a_port_out_of_range_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    assert refusal(monkeypatch, DUALBOOK_BASE_PORT=port).startswith("DUALBOOK_BASE_PORT: ")


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(
        monkeypatch, DUALBOOK_BASE_CURRENCY="yuan", DUALBOOK_LOG_LEVEL="loud", DUALBOOK_KAFKA="?"
    )
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "DUALBOOK_KAFKA",
        "DUALBOOK_BASE_CURRENCY",
        "DUALBOOK_LOG_LEVEL",
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "bank.example"])
def test_without_an_issuer_only_loopback_is_listened_on(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    message = refusal(monkeypatch, DUALBOOK_HOST=host)
    assert "DUALBOOK_HOST" in message
    assert "DUALBOOK_OIDC_ISSUER" in message


def test_with_an_issuer_a_service_may_listen_on_the_network() -> None:
    settings = Settings(host="0.0.0.0", oidc_issuer="https://id.bank.example", oidc_audience="dualbook")
    assert settings.host == "0.0.0.0"


def test_an_issuer_needs_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, DUALBOOK_OIDC_ISSUER="https://id.bank.example")
    assert message.startswith("DUALBOOK_OIDC_AUDIENCE: is required")


def test_an_issuer_on_the_network_needs_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, DUALBOOK_OIDC_ISSUER="http://id.bank.example", DUALBOOK_OIDC_AUDIENCE="x")
    assert message.startswith("DUALBOOK_OIDC_ISSUER: must be an https:// URL")


def test_the_database_password_is_in_no_representation() -> None:
    settings = Settings(database_url=SECRET)
    assert "s3cr3t" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == SECRET


def test_a_wrong_database_url_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, DUALBOOK_DATABASE_URL="mysql://bank:s3cr3t@db")
    assert message == "DUALBOOK_DATABASE_URL: must be a URL that begins with postgresql://"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().host = "10.0.0.1"  # type: ignore[misc]  # the point


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"])
def test_loopback_has_many_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "testclient", "10.0.0.1", "::ffff:10.0.0.1", "localhost.evil.example"])
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_keys_are_trusted_over_tls_or_from_this_machine_only() -> None:
    assert is_trustworthy("https://id.bank.example/realm")
    assert is_trustworthy("http://127.0.0.1:9000/realm")
    assert not is_trustworthy("http://id.bank.example")
    assert not is_trustworthy("file:///etc/passwd")
    assert not is_trustworthy("https://")
