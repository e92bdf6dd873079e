"""The contracts as documents, and the files of them that others rely on."""

import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from deploy.local import contracts
from shared.contracts import appraisal, assignment, core_banking, ledger
from shared.contracts.asyncapi import TOPICS, asyncapi_of, events_of, schemas
from shared.contracts.core_banking import CORE_EVENTS
from shared.contracts.types import Contract, Id

DOCUMENT = asyncapi_of()


def references(node: Any) -> set[str]:
    """Every ``$ref`` in a document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def found(document: dict[str, Any], reference: str) -> bool:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    return node is not None


def test_the_exported_files_are_what_the_code_says() -> None:
    present, wanted = contracts.present_files(), contracts.exported()
    assert contracts.drift(present, wanted) == [], "run: python -m deploy.local.contracts"
    assert contracts.broken(present, wanted) == []


def test_an_export_is_the_same_at_every_call() -> None:
    assert contracts.exported() == contracts.exported()


def test_every_event_that_crosses_a_boundary_has_a_schema() -> None:
    assert set(CORE_EVENTS) | {"CustomerAssigned", "ManagerRegistered", "EntryBooked"} <= set(schemas())
    assert not {"CoreEvent", "LoanEvent", "ManagerShare", "Cause"} & set(schemas())


def test_a_schema_is_complete_in_itself() -> None:
    for name, schema in schemas().items():
        assert schema["$id"] == f"urn:dualbook:event:{name}"
        assert all(found(schema, reference) for reference in references(schema))


def test_money_and_dates_are_texts_on_the_wire() -> None:
    fields = schemas()["DepositPosted"]["properties"]
    assert (fields["amount"]["type"], fields["business_date"]["format"]) == ("string", "date")


def test_every_topic_of_the_log_is_a_channel_with_its_dead_letters() -> None:
    topics = {core_banking.TOPIC, assignment.TOPIC, ledger.TOPIC, appraisal.TOPIC}
    assert set(DOCUMENT["channels"]) == topics | {f"{topic}.dead-letter" for topic in topics}
    assert all(channel["address"] == key for key, channel in DOCUMENT["channels"].items())


def test_every_reference_of_the_document_is_found_in_it() -> None:
    for service in (None, "assignment", "ledger", "appraisal"):
        document = asyncapi_of(service)
        assert document["asyncapi"] == "3.0.0"
        assert [one for one in references(document) if not found(document, one)] == []


def test_every_message_has_cloud_event_headers_and_says_its_type() -> None:
    for name, message in DOCUMENT["components"]["messages"].items():
        if name != "DeadLetter":
            common, own = message["headers"]["allOf"]
            assert common == {"$ref": "#/components/schemas/CloudEventHeaders"}
            assert own["properties"]["ce_type"] == {"const": name}
    assert DOCUMENT["components"]["messages"]["EntryBooked"]["headers"]["allOf"][1]["required"] == [
        "ce_ledgerposition"
    ]


def test_a_service_shows_what_it_sends_and_receives_only() -> None:
    document = asyncapi_of("appraisal")
    assert list(document["channels"]) == [
        "assignment.events",
        "assignment.events.dead-letter",
        "ledger.events",
        "ledger.events.dead-letter",
        "appraisal.events",
        "appraisal.events.dead-letter",
    ]
    assert {"appraisal.receive.ledger.events", "appraisal.send.ledger.events.dead-letter"} <= set(
        document["operations"]
    )
    assert all(key.startswith("appraisal.") for key in document["operations"])
    assert "DepositPosted" not in document["components"]["messages"]


def test_a_reader_that_takes_up_some_types_names_them() -> None:
    received = DOCUMENT["operations"]["ledger.receive.assignment.events"]["messages"]
    channel = "#/channels/assignment.events/messages"
    assert received == [
        {"$ref": f"{channel}/{name}"}
        for name in ("ManagerRegistered", "ManagerTransferred", "CustomerAssigned")
    ]
    all_of_it = DOCUMENT["operations"]["ledger.receive.core-banking.postings"]["messages"]
    assert len(all_of_it) == len(CORE_EVENTS)
    for topic in TOPICS:
        assert all(set(topic.taken_up(service)) <= set(topic.events) for service in topic.readers)


def test_what_events_have_in_common_or_consist_of_is_no_event() -> None:
    class Common(Contract):
        __module__ = "bank"
        customer_id: Id

    class Part(Contract):
        __module__ = "bank"
        share: str

    class Happened(Common):
        __module__ = "bank"
        parts: tuple[Part, ...]

    bank = ModuleType("bank")
    assert events_of(bank) == {}
    vars(bank).update(Common=Common, Part=Part, Happened=Happened, Contract=Contract, Id=Id)
    assert events_of(bank) == {"Happened": Happened}


def test_check_finds_drift_and_writing_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contracts.main(["--check"], tmp_path) == 1
    assert "drifted: schemas/EntryBooked.json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert contracts.main([], tmp_path) == 0
    assert contracts.main(["--check"], tmp_path) == 0
    (tmp_path / "asyncapi.json").write_bytes(b"{}\n")
    capsys.readouterr()
    assert contracts.main(["--check"], tmp_path) == 1
    assert "drifted: asyncapi.json" in capsys.readouterr().err


def test_a_breaking_change_is_written_only_where_it_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts.main([], tmp_path)
    path = tmp_path / "schemas" / "LoanWrittenOff.json"
    schema = orjson.loads(path.read_bytes())
    schema["properties"]["branch_id"] = {"type": "string"}
    before = orjson.dumps(schema)
    path.write_bytes(before)
    (tmp_path / "schemas" / "LoanSold.json").write_bytes(b"{}")
    for arguments in (["--check"], []):
        assert contracts.main(arguments, tmp_path) == 1
        said = capsys.readouterr().err
        assert "breaks: LoanWrittenOff.branch_id: removed (renamed?)" in said
        assert "breaks: LoanSold: the event is gone" in said
    assert path.read_bytes() == before
    assert contracts.main(["--breaking"], tmp_path) == 0
    assert contracts.drift(contracts.present_files(tmp_path), contracts.exported()) == []


def test_a_build_can_compare_with_another_revision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deploy" / "contracts"
    folder.mkdir(parents=True)
    contracts.write(folder, contracts.exported())
    path = folder / "schemas" / "LoanWrittenOff.json"
    path.write_bytes(path.read_bytes().replace(b'"loan_id"', b'"credit_id"'))
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "before"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    contracts.write(folder, contracts.exported())
    assert contracts.main(["--check"], folder) == 0
    assert contracts.main(["--check", "--against", "HEAD"], folder) == 1
    assert "LoanWrittenOff.credit_id: removed (renamed?)" in capsys.readouterr().err
