"""Refusals name the field and the rule; a malformed value is a ValueError like any other."""

import pytest

from shared.kernel.errors import Malformed, Refusal


def test_a_refusal_says_field_detail_and_rule() -> None:
    refusal = Refusal("loan-is-known", "loan_id", "there is no loan l1")
    assert str(refusal) == "loan_id: there is no loan l1 (loan-is-known)"
    assert (refusal.rule, refusal.field, refusal.detail) == (
        "loan-is-known",
        "loan_id",
        "there is no loan l1",
    )


def test_a_refusal_of_no_one_field_says_detail_and_rule() -> None:
    assert str(Refusal("months-close-in-order", "", "June is open")) == "June is open (months-close-in-order)"


def test_parsers_of_others_may_treat_a_malformed_value_as_a_value_error() -> None:
    with pytest.raises(ValueError, match="what is wrong"):
        raise Malformed("what is wrong")
