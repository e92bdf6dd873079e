"""What one message may say is bounded, and the bound is named."""

import pytest

from shared.contracts.core_banking import DepositPosted, LoanRepaid
from shared.contracts.envelope import from_mapping, from_message
from shared.contracts.types import parse
from shared.kernel.errors import Malformed

DEPOSIT = b'{"business_date":"%s","customer_id":"c1","account_id":"a1","product_code":"DEM","amount":"%s"}'


def test_one_posting_moves_ten_trillion_at_most() -> None:
    assert parse(DepositPosted, DEPOSIT % (b"2026-07-01", b"-10000000000000.00")).amount == -(10**15)
    with pytest.raises(Malformed, match=r"amount: must not be above 10000000000000\.00"):
        parse(DepositPosted, DEPOSIT % (b"2026-07-01", b"10000000000000.01"))


def test_both_parts_of_a_repayment_are_bounded() -> None:
    with pytest.raises(Malformed, match="interest: must not be above"):
        parse(
            LoanRepaid,
            b'{"business_date":"2026-07-01","customer_id":"c1","loan_id":"l1","product_code":"TRM",'
            b'"principal":"0.00","interest":"10000000000000.01"}',
        )


@pytest.mark.parametrize("day", [b"1751328000", b"2026-7-001", b"20260701", b"2026-07-01T00:00:00"])
def test_a_business_date_has_one_spelling(day: bytes) -> None:
    with pytest.raises(Malformed, match="business_date: must be a date written YYYY-MM-DD"):
        parse(DepositPosted, DEPOSIT % (day, b"1.00"))


@pytest.mark.parametrize("name", ["id", "source", "time", "subject"])
def test_no_attribute_of_an_envelope_holds_a_nul(name: str) -> None:
    event = {
        "specversion": "1.0",
        "id": "e",
        "source": "s",
        "type": "DepositPosted",
        "data": {},
        name: "a\0b",
    }
    with pytest.raises(Malformed, match=f"{name}: must be a text"):
        from_mapping(event)
    headers = {"ce_id": b"e", "ce_type": b"DepositPosted", "ce_source": b"s", f"ce_{name}": b"a\0b"}
    with pytest.raises(Malformed, match=f"{name}: must be a text"):
        from_message(headers, b"{}")
