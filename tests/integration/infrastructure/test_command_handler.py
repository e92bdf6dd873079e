"""The command handler: a batch is one transaction, and it does not matter how commands are put into batches."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.infrastructure import replay
from shared.infrastructure.command_desk import accepted
from shared.infrastructure.command_handler import (
    Accepted,
    Aggregate,
    CommandHandler,
    Duplicate,
    Outcome,
    Refused,
    Submission,
    stateless,
)
from shared.infrastructure.database import Database, is_conflict
from shared.infrastructure.dead_letters import letter_of
from shared.infrastructure.event_store import now
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal, StaleVersion
from shared.kernel.event import Origin, StoredEvent
from tests.support.aggregate import (
    AGGREGATE,
    CURSED,
    DAY,
    HISTORY,
    VIEWS,
    CoinsPut,
    CoinsTaken,
    Command,
    Fact,
    Put,
    Take,
    contents,
    empty,
    everything,
    handler_of,
    jars_in_shard,
    message_of,
    records_of,
    rows_of,
    wish,
    work,
)

FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    database=None,
)


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


async def count(jars: Database, table: str = "event") -> int:
    [(number,)] = await rows_of(jars, f"SELECT count(*) FROM {table}")
    return int(number)


# --- a batch ---


async def test_a_batch_of_many_commands_is_one_transaction(jars: Database) -> None:
    outcomes = await work(jars, [wish(Put(f"jar{n % 40}", 1), f"m{n}") for n in range(500)])
    assert kinds(outcomes) == ["Accepted"] * 500
    assert await contents(jars) == {f"jar{n}": 12 + (n < 20) for n in range(40)}
    [(transactions,)] = await rows_of(jars, "SELECT count(DISTINCT xmin::text) FROM event")
    assert transactions == 1
    assert [event.version for outcome in outcomes for event in outcome.events][:80:40] == [1, 2]


async def test_each_command_of_a_batch_sees_what_those_before_it_did(jars: Database) -> None:
    commands = [Put("a", 5), Take("a", 3), Take("a", 3), Take("a", 2), Put("a", 1), Put("a", 0)]
    outcomes = await work(jars, [wish(command) for command in commands])
    assert kinds(outcomes) == ["Accepted", "Accepted", "Refused", "Accepted", "Accepted", "Accepted"]
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Accepted)] == [1, 2, 4, 5, 5]
    assert await rows_of(jars, "SELECT * FROM jar") == [("a", 1, 5, 1)]


async def test_the_next_batch_sees_what_this_one_did(jars: Database) -> None:
    await work(jars, [wish(Put("a", 5))])
    assert kinds(await work(jars, [wish(Take("a", 6)), wish(Take("a", 5))])) == ["Refused", "Accepted"]


async def test_an_empty_batch_does_nothing(jars: Database) -> None:
    assert await work(jars, []) == []
    assert await count(jars) == 0


async def test_events_keep_cause_actor_and_the_ids_of_their_message(jars: Database) -> None:
    await work(jars, [wish(Put("a", 5), "m1"), wish(Take("a", 5), "m2")])
    rows = await rows_of(jars, "SELECT event_id, type, cause, actor FROM event ORDER BY position")
    assert rows == [
        ("m1", "CoinsPut", "test", "tester"),
        ("m2", "CoinsTaken", "test", "tester"),
        ("m2/2", "JarEmptied", "test", "tester"),
    ]


# --- the same message again ---


async def test_a_message_id_counts_once_within_a_batch(jars: Database) -> None:
    outcomes = await work(jars, [wish(Put("a", 5), "m1"), wish(Put("a", 5), "m1"), wish(Put("a", 7), "m1")])
    assert kinds(outcomes) == ["Accepted", "Duplicate", "Duplicate"]
    assert [outcome.differs for outcome in outcomes if isinstance(outcome, Duplicate)] == [False, True]
    assert await contents(jars) == {"a": 5}


async def test_a_message_id_counts_once_across_batches(jars: Database) -> None:
    await work(jars, [wish(Put("a", 5), "m1")])
    before = await everything(jars)
    outcomes = await work(jars, [wish(Put("a", 5), "m1"), wish(Put("a", 6), "m1")])
    assert outcomes == [Duplicate("m1", False), Duplicate("m1", True)]
    assert await everything(jars) == before


async def test_a_refused_message_may_come_again_and_be_accepted(jars: Database) -> None:
    outcomes = await work(jars, [wish(Take("a", 5), "m1"), wish(Put("a", 5), "m2"), wish(Take("a", 5), "m1")])
    assert kinds(outcomes) == ["Refused", "Accepted", "Accepted"]


async def test_one_id_for_two_aggregates_counts_for_the_first_even_in_batches_at_once(jars: Database) -> None:
    [first], [second] = jars_in_shard(0, 1), jars_in_shard(1, 1)

    async def until_worked(command: Command) -> list[Outcome]:
        while True:
            try:
                return await work(jars, [wish(command, "m1")])
            except Exception as error:
                if not is_conflict(error):
                    raise

    outcomes = await asyncio.gather(until_worked(Put(first, 1)), until_worked(Put(second, 2)))
    assert sorted(name for one in outcomes for name in kinds(one)) == ["Accepted", "Duplicate"]
    assert await count(jars) == 1


# --- refusals ---


async def test_a_refusal_leaves_nothing(jars: Database) -> None:
    before = await everything(jars)
    [refused] = await work(jars, [wish(Take("a", 1), "m1")])
    assert isinstance(refused, Refused)
    assert refused.refusal.rule == "jar-holds-enough"
    assert await everything(jars) == before
    with pytest.raises(Refusal):
        accepted([refused])


async def test_a_refusal_leaves_nothing_but_the_dead_letter_where_there_is_one(jars: Database) -> None:
    [record] = records_of([message_of(Take("a", 1), "m1")])

    def letter(index: int, refusal: Refusal) -> Submission:
        return letter_of(record, f"{index}: {refusal}", shard_key="a", now=now(), event_id="m1", type="Take")

    async with jars.begin() as connection:
        outcomes = await handler_of().work(
            connection, [wish(Put("a", 0)), wish(Take("a", 1), "m1"), wish(Put("a", 2))], letter
        )
    assert kinds(outcomes) == ["Accepted", "Refused", "Accepted"]
    assert await rows_of(jars, "SELECT type FROM event ORDER BY position") == [
        ("MessageRefused",),
        ("CoinsPut",),
    ]
    [(reason, event_id)] = await rows_of(jars, "SELECT reason, event_id FROM dead_letter")
    assert reason == "1: coins: the jar holds 0 (jar-holds-enough)"
    assert event_id == "m1"
    assert await contents(jars) == {"a": 2}


# --- all or nothing ---


async def test_a_stale_version_rolls_back_the_whole_batch(jars: Database) -> None:
    await work(jars, [wish(Put("a", 1))])
    before = await everything(jars)
    with pytest.raises(StaleVersion, match="present version is 1, not 7"):
        await work(jars, [wish(Put("b", 1)), wish(Put("a", 1), expected_version=7), wish(Put("c", 1))])
    assert await everything(jars) == before


async def test_the_expected_version_is_that_of_the_aggregate_within_the_batch(jars: Database) -> None:
    batch = [wish(Put("a", 1), expected_version=0), wish(Put("a", 1), expected_version=1)]
    assert kinds(await work(jars, batch)) == ["Accepted", "Accepted"]
    with pytest.raises(StaleVersion):
        await work(jars, [wish(Put("a", 1), expected_version=0)])
    assert await contents(jars) == {"a": 2}


class BrokenView:
    """A view with an error in it."""

    tables = ()
    takes = None

    async def project(self, connection: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        raise ArithmeticError("it does not add up")


async def test_a_view_that_fails_rolls_back_the_whole_batch(jars: Database) -> None:
    await work(jars, [wish(Put("a", 1))])
    before = await everything(jars)
    with pytest.raises(ArithmeticError):
        await work(jars, [wish(Put("a", 1), "m1"), wish(Put("b", 1), "m2")], BrokenView())
    assert await everything(jars) == before
    assert kinds(await work(jars, [wish(Put("a", 1), "m1")])) == ["Accepted"]


async def test_a_view_is_not_troubled_when_nothing_happened(jars: Database) -> None:
    outcomes = await work(jars, [wish(Take("a", 1)), wish(Put("a", 0))], BrokenView())
    assert kinds(outcomes) == ["Refused", "Accepted"]


# --- a decider that is alone ---


@dataclass(frozen=True)
class Pour:
    """Empty so many coins from one jar into another one of its shard."""

    jar: str
    into: str
    coins: int


def _pour(command: Pour, _: None, __: None) -> list[Fact]:
    return [CoinsTaken(command.jar, command.coins, DAY), CoinsPut(command.into, command.coins, DAY)]


POUR: Decider[Pour, None, None] = Decider(
    lambda command: f"jar-{command.jar}", None, _pour, lambda _, __: None
)


async def test_a_decider_that_is_alone_may_write_to_streams_of_others_in_its_shard(jars: Database) -> None:
    one, other, third = jars_in_shard(3, 3)
    handler = CommandHandler("jars", [AGGREGATE, Aggregate(POUR, stateless, alone=True)], VIEWS)
    origin = Origin("tester", "test")
    await work(jars, [wish(Put(other, 1))])
    batch = [
        wish(Put(one, 9)),
        Submission(POUR, Pour(one, other, 2), origin),
        Submission(POUR, Pour(one, third, 3), origin),
        wish(Take(other, 3)),
        wish(Put(third, 1)),
    ]
    async with jars.begin() as connection:
        outcomes = await handler.work(connection, batch)
    assert kinds(outcomes) == ["Accepted"] * 5
    assert await contents(jars) == {one: 4, other: 0, third: 4}
    rows = await rows_of(
        jars, "SELECT stream, array_agg(version ORDER BY position) FROM event GROUP BY stream"
    )
    assert {stream: list(versions) for stream, versions in rows} == {
        f"jar-{one}": [1, 2, 3],
        f"jar-{other}": [1, 2, 3, 4],
        f"jar-{third}": [1, 2],
    }
    assert await replay.verify(jars, VIEWS, HISTORY, lambda *_: None) is None


# --- properties ---

commands = some.lists(
    some.tuples(
        some.builds(
            lambda kind, jar, coins: kind(jar, coins),
            some.sampled_from((Put, Put, Take)),
            some.sampled_from(("a", "b", "c", "d", "e")),
            some.integers(0, 9),
        ),
        some.one_of(some.none(), some.integers(0, 30).map("m{}".format)),
    ),
    max_size=40,
)


def cut(items: Sequence[Submission], cuts: Sequence[int]) -> list[Sequence[Submission]]:
    edges = [0, *sorted(cut % (len(items) + 1) for cut in cuts), len(items)]
    return [items[start:end] for start, end in pairwise(edges)]


@FEW
@given(batch=commands, cuts=some.lists(some.integers(0, 40), max_size=8))
async def test_the_same_commands_in_any_batches_give_the_same_events_and_views(
    jars: Database, batch: list[tuple[Command, str | None]], cuts: list[int]
) -> None:
    submissions = [wish(command, message_id) for command, message_id in batch]
    results = []
    for batches in ([submissions], cut(submissions, cuts), [[one] for one in submissions]):
        await empty(jars)
        outcomes = [kind for part in batches for kind in kinds(await work(jars, part))]
        results.append((outcomes, await everything(jars)))
    assert results[0] == results[1] == results[2]


@FEW
@given(batch=commands)
async def test_the_views_are_what_the_events_say_and_nothing_else(
    jars: Database, batch: list[tuple[Command, str | None]]
) -> None:
    await empty(jars)
    await work(jars, [wish(command, message_id) for command, message_id in batch])
    before = await everything(jars)
    assert await replay.verify(jars, VIEWS, HISTORY, lambda *_: None) is None
    await replay.replay(jars, VIEWS, HISTORY, lambda *_: None)
    assert await everything(jars) == before


@FEW
@given(batch=commands)
async def test_working_messages_a_second_time_changes_nothing(
    jars: Database, batch: list[tuple[Command, str | None]]
) -> None:
    await empty(jars)
    fresh = [wish(command, f"own{n}") for n, (command, _) in enumerate(batch) if isinstance(command, Put)]
    await work(jars, fresh)
    before = await everything(jars)
    again = [wish(one.command, one.origin.message_id) for one in fresh if one.command.coins]
    assert set(kinds(await work(jars, again))) <= {"Duplicate"}
    assert await everything(jars) == before


def test_the_cursed_number_of_coins_is_out_of_the_properties_reach() -> None:
    assert CURSED > 9
