"""The log door: what is taken up, what is refused, and how a batch becomes one command."""

import orjson
import pytest

from services.appraisal.consumer import DOORS, of_assignment, of_ledger, together
from services.appraisal.domain.results import DECIDER, ReceiveResults
from shared.contracts import assignment, ledger
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.command_handler import Submission
from shared.infrastructure.doors import BatchDoor
from shared.infrastructure.event_log import Record
from shared.kernel.errors import Malformed

DATA = {
    "entry_id": "core-1",
    "cause": {"id": "core-1", "type": "FeeCharged", "source": "core-banking"},
    "business_date": "2026-07-18",
    "period": "2026-07",
    "lines": {"fee_income": "800.00"},
    "books": {
        "manager": {"fee_income": {"m1": "800.00"}},
        "department": {"fee_income": {"agency": "800.00"}},
    },
}


def read(
    place: str | None = "3-7",
    *,
    type: str = "EntryBooked",
    partition: int = 3,
    offset: int = 20,
    **extensions: str,
) -> Submission | None:
    if place is not None:
        extensions["ledgerposition"] = place
    event = CloudEvent("core-1", type, "ledger", orjson.dumps(DATA), extensions=extensions)
    return of_ledger(event, Record(ledger.TOPIC, partition, offset, b"c1", event.data, {}))


def test_an_entry_becomes_a_command_for_its_ledger_shard() -> None:
    submission = read(traceparent="00-ab-cd-00")
    assert submission is not None
    assert submission.decider is DECIDER
    [entry] = submission.command.entries
    assert (submission.command.ledger_shard, entry.position, entry.log_offset) == (3, 7, 20)
    assert (submission.origin.actor, submission.origin.cause) == ("ledger", "ledger.events/3/20")
    assert submission.origin.metadata == '{"traceparent":"00-ab-cd-00"}'


def test_other_messages_of_the_ledger_are_left_alone() -> None:
    assert read(type="CustomerResultStated") is None


@pytest.mark.parametrize("place", [None, "", "7", "3-", "-7", "3-7-1", "a-7", "3-1234567890123456789", "3-٧"])
def test_an_entry_without_its_place_in_the_ledger_is_malformed(place: str | None) -> None:
    with pytest.raises(Malformed, match="ledgerposition: must be the ledger's shard and position"):
        read(place)


def test_an_entry_in_another_shards_partition_is_malformed() -> None:
    with pytest.raises(Malformed, match="shard 3 cannot be in partition 4"):
        read(partition=4)
    with pytest.raises(Malformed, match="shard 8 cannot be in partition 8"):
        read("8-1", partition=8)


def test_entries_of_a_batch_become_one_command_caused_by_a_stretch_of_the_log() -> None:
    several = [read("3-7", offset=20), read("3-8", offset=21), read("3-11", offset=25)]
    combined = together([one for one in several if one is not None])
    assert isinstance(combined.command, ReceiveResults)
    assert [entry.position for entry in combined.command.entries] == [7, 8, 11]
    assert (combined.origin.actor, combined.origin.cause) == ("ledger", "ledger.events/3/20-25")
    assert combined.origin.message_id is None


def test_the_door_of_the_ledgers_topic_is_a_batch_door() -> None:
    doors = {ledger.TOPIC: BatchDoor(of_ledger, together, only=DECIDER), assignment.TOPIC: of_assignment}
    assert doors == DOORS
