"""The door for core banking's postings: deposits only, each judged alone, a batch of them one command."""

from typing import Any

import orjson
import pytest

from services.assignment.consumer import doors, together
from services.assignment.domain.compliance.large_value import Deposit, WatchDeposits
from shared.contracts.core_banking import TOPIC
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.command_handler import Submission
from shared.infrastructure.doors import BatchDoor
from shared.infrastructure.event_log import Record, shard_of
from shared.kernel.errors import Malformed

HOME = shard_of("c1")
DOOR = doors("CNY")[TOPIC]


def read(
    kind: str = "DepositPosted", offset: int = 5, partition: int = HOME, **data: Any
) -> Submission | None:
    fields = {
        "business_date": "2026-07-01",
        "customer_id": "c1",
        "account_id": "a1",
        "product_code": "DEM",
        "amount": "-1.50",
        **data,
    }
    event = CloudEvent(f"e{offset}", kind, "core", orjson.dumps(fields))
    return DOOR(event, Record(TOPIC, partition, offset, b"c1", event.data, {}))


def test_a_deposit_becomes_a_command_of_its_partition() -> None:
    submission = read(currency="CNY")
    assert submission is not None
    assert submission.command.partition == HOME
    [deposit] = submission.command.deposits
    assert isinstance(deposit, Deposit)
    assert (deposit.event_id, deposit.customer_id, deposit.amount, deposit.log_offset) == (
        "e5",
        "c1",
        -150,
        5,
    )
    assert (submission.origin.actor, submission.origin.cause) == ("core", f"{TOPIC}/{HOME}/5")


def test_what_else_core_banking_says_is_left_alone() -> None:
    assert read("LoanRepaid") is None


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"currency": "EUR"}, "currency: .*one-base-currency"),
        ({"amount": "1.505"}, "amount: "),
        ({"customer_id": "c 1"}, "customer_id: "),
        ({"partition": (HOME + 1) % 8}, f"customer_id: c1 belongs in partition {HOME}"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_field_and_rule(broken: dict[str, Any], reason: str) -> None:
    with pytest.raises(Malformed, match=f"^{reason}"):
        read(**broken)


def test_several_become_one_command_in_their_order_caused_by_a_stretch_of_the_log() -> None:
    several = [one for one in (read(offset=offset) for offset in (5, 6, 9)) if one is not None]
    combined = together(several)
    assert isinstance(DOOR, BatchDoor)
    assert isinstance(combined.command, WatchDeposits)
    assert [deposit.log_offset for deposit in combined.command.deposits] == [5, 6, 9]
    assert combined.origin.cause == f"{TOPIC}/{HOME}/5-9"
