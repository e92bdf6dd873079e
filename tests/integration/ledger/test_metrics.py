"""What a ledger at work shows in ``/metrics``: every figure moves as it should."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.ledger.views.readings import ReconciliationReading
from shared.contracts import core_banking, ledger
from shared.contracts.envelope import CloudEvent, from_mapping
from shared.infrastructure.bank_time import BANK_TIME
from shared.infrastructure.event_log import Message
from shared.infrastructure.reading import read_all
from tests.integration.ledger.bank import Bank
from tests.support.reference import WORKED_EXAMPLE, core_event

AUGUST = core_event("aug", "FeeCharged", "2026-08-02", customer_id="c1",
                    kind="intermediary", product_code="AGT", amount="1.00")  # fmt: skip


def figure(name: str, **labels: str) -> float:
    """A figure as it is now; 0 where there is none yet."""
    return REGISTRY.get_sample_value(f"dualbook_{name}", labels) or 0.0


def growth(name: str, **labels: str) -> Callable[[], float]:
    """By how much a count has grown since now."""
    before = figure(name, **labels)
    return lambda: figure(name, **labels) - before


async def read(bank: Bank) -> None:
    """What happens every fifteen seconds."""
    service = bank.service.service
    await read_all(service.definition.name, service.database, service.readings)


async def test_what_comes_through_the_log_is_counted_by_type_and_outcome(own_bank: Bank) -> None:
    topic = {"service": "ledger", "topic": core_banking.TOPIC}
    posted = {
        (kind, outcome): growth("consumer_messages_total", **topic, type=kind, outcome=outcome)
        for kind, outcome in (
            ("DepositPosted", "accepted"), ("DepositPosted", "duplicate"),
            ("LoanRepaid", "refused"), ("other", "refused"),
        )
    }  # fmt: skip
    batches = growth("consumer_batch_size_count", service="ledger")
    messages = growth("consumer_batch_size_sum", service="ledger")
    seconds = growth("consumer_batch_seconds_count", service="ledger")
    deposits = growth("consumer_event_seconds_count", service="ledger", type="DepositPosted")
    stored = growth("events_stored_total", service="ledger", type="EntryBooked")
    letters = growth("events_stored_total", service="ledger", type="MessageRefused")
    booked = growth("ledger_events_booked_total", type="DepositPosted")
    handled = growth("command_seconds_count", service="ledger")
    commands = growth("command_batch_size_sum", service="ledger")
    projected = growth("projection_seconds_count", service="ledger", view="BooksView")
    published = growth("relay_published_total", service="ledger", topic=ledger.TOPIC)
    dead = growth("relay_published_total", service="ledger", topic=f"{core_banking.TOPIC}.dead-letter")
    taken = growth("relay_publish_seconds_count", service="ledger")

    deposit = next(one for one in WORKED_EXAMPLE if one["type"] == "DepositPosted")
    unknown_loan = core_event("r", "LoanRepaid", "2026-07-05", customer_id="c1", loan_id="none", product_code="TRM",
                              principal="1.00", interest="0.00")  # fmt: skip
    await own_bank.service.publish(
        core_banking.TOPIC,
        *(Message.of(from_mapping(one), "c1") for one in (deposit, deposit, unknown_loan)),
        Message.of(CloudEvent("spam", "Spam", "somebody", b"{}"), "c1"),
    )
    await own_bank.service.caught_up()

    assert {key: count() for key, count in posted.items()} == {
        ("DepositPosted", "accepted"): 1,
        ("DepositPosted", "duplicate"): 1,
        ("LoanRepaid", "refused"): 1,
        ("other", "refused"): 1,
    }
    assert (messages(), commands()) == (4, 4)
    assert batches() == seconds() == handled() >= deposits() >= 1
    assert (stored(), booked(), letters()) == (1, 1, 2)
    assert projected() >= 1
    assert (published(), dead()) == (1, 2)
    assert taken() >= 2
    await read(own_bank)
    assert figure("dead_letters_waiting", service="ledger") == 2
    assert figure("consumer_lag_messages", **topic) == 0


async def test_the_store_the_relay_and_the_database_are_read(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.service.caught_up()
    await read(own_bank)
    positions = dict(await own_bank.service.rows("SELECT shard, position FROM shard"))
    assert {
        shard: figure("event_store_position", service="ledger", shard=str(shard)) for shard in positions
    } == positions
    assert figure("relay_backlog_events", service="ledger") == 0
    assert figure("relay_oldest_unpublished_seconds", service="ledger") == 0
    assert figure("database_size_bytes", service="ledger") > 1_000_000
    assert figure("database_connections", service="ledger", state="in_use") >= 1
    assert 0 < figure("disk_free_bytes", service="ledger") < figure("disk_size_bytes", service="ledger")
    assert figure("operation_running", service="ledger", operation="verify") == 0
    for reading in own_bank.service.service.readings:
        age = datetime.now(BANK_TIME).timestamp() - figure(
            "reading_read_timestamp_seconds", service="ledger", reading=reading.name
        )
        assert 0 <= age < 60


async def test_closing_months_moves_the_calendar_and_is_measured_and_recorded(own_bank: Bank) -> None:
    closes = growth("ledger_period_close_seconds_count")
    await own_bank.book(*WORKED_EXAMPLE, AUGUST)
    await read(own_bank)
    assert (figure("ledger_open_period"), figure("ledger_periods_closed")) == (202607, 0)
    ended = datetime(2026, 8, 1, tzinfo=BANK_TIME).timestamp()
    assert figure("ledger_open_period_ended_timestamp_seconds") == ended
    refused = await own_bank.accountant.post("/v1/periods/2026-08/close")
    assert refused.status_code == 409
    await own_bank.close("2026-07")
    await own_bank.close("2026-07")
    await own_bank.close("2026-08")
    assert closes() == 2  # neither what is refused nor what is closed already
    assert await own_bank.service.rows("SELECT name, outcome, finding FROM operation") == [
        ("close", "ok", None)
    ]
    await read(own_bank)
    assert (figure("ledger_open_period"), figure("ledger_periods_closed")) == (0, 2)
    assert figure("ledger_open_period_ended_timestamp_seconds") == 0
    close = {"service": "ledger", "operation": "close"}
    assert (figure("operation_failed", **close), figure("operation_progress_ratio", **close)) == (0, 1)
    assert figure("operation_last_success_timestamp_seconds", **close) > ended


async def test_a_close_that_breaks_is_recorded_as_a_failure(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.service.execute("ALTER TABLE computed_result RENAME TO gone")
    with capture_logs():  # the traceback would take its time to print
        answer = await own_bank.accountant.post("/v1/periods/2026-07/close")
    assert answer.status_code == 500
    [(name, outcome)] = await own_bank.service.rows("SELECT name, outcome FROM operation")
    assert (name, outcome) == ("close", "failed")


async def test_books_that_are_apart_are_shown_line_by_line_whatever_the_month(own_bank: Bank) -> None:
    def difference(line: str) -> float:
        return figure("ledger_reconciliation_difference_minor_units", line=line)

    await own_bank.book(*WORKED_EXAMPLE, AUGUST)
    await own_bank.close("2026-07")
    reading = ReconciliationReading()

    async def look() -> None:
        async with own_bank.service.database.read() as connection:
            await reading(connection)

    await look()
    assert (difference("fee_income"), difference("deposit_balance")) == (0, 0)
    apart = (
        "UPDATE centre_month SET amount = amount + {} "
        "WHERE ctid = (SELECT ctid FROM centre_month WHERE NOT contra AND {} LIMIT 1)"
    )
    await own_bank.service.execute(
        apart.format(7, "period = 202608 AND line = 'fee_income' AND book = 'manager'"),
        apart.format(3, "period = 202607 AND line = 'fee_income' AND book = 'department'"),
    )
    await look()
    assert difference("fee_income") == 7  # the closed month has its turn next
    await look()
    assert (difference("fee_income"), difference("deposit_balance")) == (10, 0)
