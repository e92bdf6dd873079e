"""Names: masked for those who have no business knowing them, sealed wherever they are kept."""

from base64 import b64decode, b64encode

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.assignment.domain.personal import mask
from shared.infrastructure.sealed import seal, unseal

KEY = AESGCM.generate_key(256)
NAME = {"name": "王小明"}


@pytest.mark.parametrize(
    ("name", "masked"),
    [("王小明", "王**"), ("欧阳修远", "欧**"), ("Acme Textile Ltd", "A**"), ("王", "王**")],
)
def test_a_masked_name_is_its_first_character_and_says_nothing_of_its_length(name: str, masked: str) -> None:
    assert mask(name) == masked


def test_what_was_sealed_can_be_opened_with_its_key() -> None:
    assert unseal(KEY, "manager-m1", seal(KEY, "manager-m1", NAME)) == NAME


def test_the_same_name_is_never_sealed_alike() -> None:
    assert seal(KEY, "manager-m1", NAME) != seal(KEY, "manager-m1", NAME)


@pytest.mark.parametrize(
    ("key", "owner"),
    [(KEY, "manager-m2"), (KEY, "customer-m1"), (AESGCM.generate_key(256), "manager-m1")],
    ids=["another manager", "a customer of that id", "another key"],
)
def test_what_was_sealed_is_nobody_elses_and_no_other_keys(key: bytes, owner: str) -> None:
    sealed = seal(KEY, "manager-m1", NAME)
    with pytest.raises(InvalidTag):
        unseal(key, owner, sealed)


def test_a_changed_byte_is_noticed() -> None:
    blob = bytearray(b64decode(seal(KEY, "manager-m1", NAME).removeprefix("v1.")))
    blob[-1] ^= 1
    with pytest.raises(InvalidTag):
        unseal(KEY, "manager-m1", "v1." + b64encode(blob).decode())
