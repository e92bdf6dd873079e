"""From the ledger's entries in the log to scorecards, on a real PostgreSQL."""

from collections.abc import Sequence
from typing import Any

import pytest

from services.appraisal.main import define
from shared.contracts import ledger
from shared.infrastructure.event_log import PARTITIONS, Message
from tests.integration.appraisal.messages import entry, unreadable
from tests.support.services import ServiceUnderTest, running_service

ENTRIES = [
    entry(3, 1, {"m1": "1500.00", "m2": "1000.00"}),
    entry(3, 2, {"m1": "-150000.00", "m2": "0.01"}, line="risk_charge"),
    entry(3, 5, {"m1": "800.00"}, line="fee_income", department="agency"),
    entry(3, 6, {"m1": "-800.00"}, line="fee_income", department="agency", period="2026-08"),
    entry(5, 1, {"unassigned": "900000.00"}, line="deposit_balance", department="deposits"),
    entry(5, 4, {"m1": "12.34"}, line="settlement_income", department="agency", period="2026-10"),
]


async def receive(appraisal: ServiceUnderTest, *batches: Sequence[Message]) -> None:
    """Each batch published at once, and taken in before the next one."""
    for batch in batches:
        await appraisal.publish(ledger.TOPIC, *batch)
        await appraisal.caught_up()


async def scorecards(appraisal: ServiceUnderTest, period: str) -> dict[str, Any]:
    answer = await appraisal.admin.get("/v1/scorecards", params={"period": period})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def facts(appraisal: ServiceUnderTest) -> list[tuple[Any, ...]]:
    return await appraisal.rows(
        "SELECT shard, stream FROM event WHERE type = 'ResultsReceived' ORDER BY shard"
    )


async def test_a_quarters_results_stand_on_both_sides_with_equal_totals(appraisal: ServiceUnderTest) -> None:
    await receive(appraisal, ENTRIES)
    shown = await scorecards(appraisal, "2026-Q3")
    assert [one["centre_id"] for one in shown["managers"]] == ["m1", "m2", "unassigned"]
    assert [one["centre_id"] for one in shown["departments"]] == ["agency", "deposits", "lending"]
    assert shown["managers"][0]["lines"]["fee_income"] == "0.00"
    assert shown["managers"][0]["measures"]["efficiency"] == "-148500.00"
    assert shown["managers"][2]["lines"]["deposit_balance"] == "900000.00"
    assert shown["totals"]["manager"] == shown["totals"]["department"]
    assert shown["totals"]["manager"]["measures"]["virtual_profit"] == "-147499.99"
    assert set(shown["totals"]["difference"].values()) == {"0.00"}
    assert shown["balanced"] is True
    assert shown["as_of"] == {"entries": 6, "positions": {"3": 6, "5": 4}}


@pytest.mark.parametrize(
    ("period", "efficiency"),
    [("2026-07", "-147700.00"), ("2026-08", "-800.00"), ("2026-Q3", "-148500.00"), ("2026", "-148487.66")],
)
async def test_a_period_is_the_sum_of_its_months(
    appraisal: ServiceUnderTest, period: str, efficiency: str
) -> None:
    await receive(appraisal, ENTRIES)
    answer = await appraisal.admin.get("/v1/scorecards/manager/m1", params={"period": period})
    assert answer.json()["measures"]["efficiency"] == efficiency
    [listed] = [one for one in (await scorecards(appraisal, period))["managers"] if one["centre_id"] == "m1"]
    assert answer.json() == {
        "period": period,
        "side": "manager",
        **listed,
        "appraisal": None,  # no scheme holds for m1
        "as_of": {"entries": 6, "positions": {"3": 6, "5": 4}},
    }


async def test_a_batch_of_a_partition_becomes_one_fact_in_the_shard_of_its_number(
    appraisal: ServiceUnderTest,
) -> None:
    everywhere = [entry(shard, n, {"m1": "1.00"}) for shard in range(PARTITIONS) for n in (1, 2, 3)]
    await receive(appraisal, everywhere)
    assert [shard for shard, _ in await facts(appraisal)] == list(range(PARTITIONS))
    assert (await scorecards(appraisal, "2026-07"))["as_of"]["entries"] == 24


async def test_other_batches_of_the_same_entries_give_the_same_scorecards(postgres_url: str) -> None:
    seen = []
    for batches in ([ENTRIES], [ENTRIES[:1], ENTRIES[1:5], ENTRIES[5:]], [[one] for one in ENTRIES]):
        async with running_service(define, postgres_url) as appraisal:
            await receive(appraisal, *batches)
            seen.append((await scorecards(appraisal, "2026"), await appraisal.digests()))
            assert await appraisal.verify() is None
    assert seen[0] == seen[1] == seen[2]


async def test_entries_that_the_ledger_publishes_again_change_nothing(appraisal: ServiceUnderTest) -> None:
    await receive(appraisal, ENTRIES[:4])
    before, known = await scorecards(appraisal, "2026"), await facts(appraisal)
    await receive(appraisal, ENTRIES[1:3], ENTRIES[:4])
    assert await scorecards(appraisal, "2026") == before
    assert await facts(appraisal) == known
    await receive(appraisal, ENTRIES[2:])
    assert (await scorecards(appraisal, "2026"))["as_of"]["entries"] == len(ENTRIES)


async def test_a_malformed_entry_becomes_a_dead_letter_and_the_others_are_counted(
    appraisal: ServiceUnderTest,
) -> None:
    unbalanced = entry(3, 4, {"m1": "1.00"}, lines={"interest_income": "2.00"})
    await receive(appraisal, [*ENTRIES[:2], unreadable(3, 3), unbalanced, *ENTRIES[2:]])
    letters = (await appraisal.admin.get("/v1/dead-letters")).json()["items"]
    assert [letter["id"] for letter in letters] == ["ledger.events.3.2", "ledger.events.3.3"]
    assert "JSON" in letters[0]["reason"]
    assert letters[1]["reason"] == "books.manager.interest_income: must add up to 2.00"
    shown = await scorecards(appraisal, "2026")
    assert shown["as_of"] == {"entries": 6, "positions": {"3": 6, "5": 4}}
    assert shown["balanced"] is True
    assert await appraisal.verify() is None
    [message] = [one for one in await appraisal.published("ledger.events.dead-letter") if one.offset == 1]
    assert message.headers["dl_service"] == b"appraisal"


async def test_an_entry_that_was_left_out_is_counted_when_it_comes_after_all(
    appraisal: ServiceUnderTest,
) -> None:
    await receive(appraisal, [ENTRIES[0], unreadable(3, 2), ENTRIES[2]], [ENTRIES[3]])
    await receive(appraisal, [ENTRIES[1]], [ENTRIES[1]])
    shown = await scorecards(appraisal, "2026-07")
    assert shown["totals"]["department"]["lines"]["risk_charge"] == "-149999.99"
    assert shown["as_of"] == {"entries": 4, "positions": {"3": 6}}
    runs = "SELECT first_position, last_position FROM intake_run ORDER BY first_position"
    assert await appraisal.rows(runs) == [(1, 2), (5, 6)]
    assert await appraisal.verify() is None


async def test_a_replayed_dead_letter_counts_once(appraisal: ServiceUnderTest) -> None:
    """A message given up for a passing reason is good when it is worked again."""
    await receive(appraisal, [ENTRIES[0]])
    await appraisal.execute("ALTER TABLE result RENAME TO result_away")
    await appraisal.publish(ledger.TOPIC, ENTRIES[1])
    await appraisal.caught_up()
    await appraisal.execute("ALTER TABLE result_away RENAME TO result")
    await receive(appraisal, ENTRIES[2:4])
    [letter] = (await appraisal.admin.get("/v1/dead-letters")).json()["items"]
    assert letter["reason"].startswith("unexpected error")
    assert (await scorecards(appraisal, "2026"))["as_of"] == {"entries": 3, "positions": {"3": 6}}
    answer = await appraisal.admin.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert answer.json() == {"id": letter["id"], "status": "accepted"}
    shown = await scorecards(appraisal, "2026")
    assert shown["as_of"] == {"entries": 4, "positions": {"3": 6}}
    assert shown["managers"][0]["lines"]["risk_charge"] == "-150000.00"
    assert await appraisal.verify() is None


async def test_replay_gives_what_is_live_and_verify_finds_nothing(appraisal: ServiceUnderTest) -> None:
    await receive(appraisal, ENTRIES[:2], [*ENTRIES[3:], unreadable(5, 9)], [ENTRIES[2]])
    live = await appraisal.digests()
    assert await appraisal.verify() is None
    assert await appraisal.replay() == 5
    assert await appraisal.digests() == live
    assert await appraisal.verify() is None


async def test_verify_names_a_result_that_no_entry_gives(appraisal: ServiceUnderTest) -> None:
    await receive(appraisal, ENTRIES)
    await appraisal.execute("UPDATE result SET amount = amount + 1 WHERE centre_id = 'm2' AND amount = 1")
    finding = await appraisal.verify()
    assert finding is not None
    assert finding.what == "view result has a row that the events do not give"
