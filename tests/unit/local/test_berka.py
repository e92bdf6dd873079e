"""The Berka data set read as facts: the rules on a small made-up folder, the figures on the real one."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import orjson
import pytest

from deploy.local.berka import read_berka
from deploy.local.berka_records import BerkaError
from deploy.local.registrations import ROUTES, Registration
from shared.contracts.core_banking import CORE_EVENTS, DepositPosted, FeeCharged, LoanRepaid
from shared.contracts.envelope import CloudEvent

REAL = Path(__file__).parents[4] / "shared" / "data" / "berka"
needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the Berka data set is not part of the repository and not at {REAL}"
)

SMALL = {
    "district.asc": 'A1;A2;A3\r\n5;"Kolin";"central Bohemia"\r\n18;"Pisek";"south Bohemia"\r\n',
    "client.asc": '"client_id";"birth_number";"district_id"\r\n1;"706213";18\r\n2;"45";5\r\n3;"40";5\r\n',
    "disp.asc": (
        '"disp_id";"client_id";"account_id";"type"\r\n'
        '1;1;10;"OWNER"\r\n2;2;20;"OWNER"\r\n3;3;20;"DISPONENT"\r\n'
    ),
    "loan.asc": (
        '"loan_id";"account_id";"date";"amount";"duration";"payments";"status"\r\n'
        '100;10;930110;1000;12;100.00;"B"\r\n200;20;931231;500;12;50.00;"D"\r\n'
    ),
    "trans.asc": (
        '"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"\r\n'
    ),
}


def folder_of(path: Path, *transactions: str, **replaced: str) -> Path:
    """A data set with transactions ``id;account;date;type;amount;k_symbol``, and other files as given."""
    files = {**SMALL, **{f"{name}.asc": text for name, text in replaced.items()}}
    for line in transactions:
        number, account, day, kind, amount, symbol = line.split(";")
        files["trans.asc"] += f'{number};{account};{day};"{kind}";"VKLAD";{amount};0.00;"{symbol}";;\r\n'
    for name, text in files.items():
        (path / name).write_bytes(text.encode())
    return path


def core_of(folder: Path) -> list[CloudEvent]:
    return [event for event in read_berka(folder) if event.type in CORE_EVENTS]


def ids(events: list[CloudEvent]) -> list[str]:
    return [event.id.removeprefix("berka-") for event in events]


def data_of(folder: Path, event_id: str) -> Mapping[str, object]:
    [event] = [event for event in read_berka(folder) if event.id == f"berka-{event_id}"]
    data: Mapping[str, object] = orjson.loads(event.data)
    return data


def test_money_in_is_positive_and_money_out_is_negative(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, "1;10;930101;PRIJEM;700.00;", "2;10;930102;VYDAJ;0.10;", "3;10;930103;VYBER;20.5; "
    )
    postings = [DepositPosted.model_validate_json(event.data) for event in core_of(folder)[:3]]
    assert [posting.amount for posting in postings] == [70000, -10, -2050]
    assert data_of(folder, "t1") == {
        "business_date": "1993-01-01",
        "customer_id": "c1",
        "product_code": "DEM",
        "account_id": "a10",
        "amount": "700.00",
    }


def test_service_fees_and_penalties_are_fees_besides(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        "1;20;930101;VYDAJ;14.60;SLUZBY",
        "2;20;930101;VYDAJ;5.10;SANKC. UROK",
        "3;20;930101;VYDAJ;9.00;SIPO",
    )
    assert ids(core_of(folder))[:5] == ["t1", "t2", "t3", "f1", "f2"]
    common = {"business_date": "1993-01-01", "customer_id": "c2"}
    assert data_of(folder, "f1") == common | {
        "kind": "intermediary",
        "product_code": "AGT",
        "amount": "14.60",
    }
    assert data_of(folder, "f2") == common | {"kind": "credit_risk", "product_code": "TRM", "amount": "5.10"}


def test_events_go_out_by_date_then_kind_then_number(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        "12;10;930110;VYDAJ;30.00;UVER",
        "9;20;930110;VYDAJ;5.00;SANKC. UROK",
        "11;20;930110;VYDAJ;5.00;SLUZBY",
        "2;10;930110;PRIJEM;1.00;",
        "1;10;930111;PRIJEM;1.00;",
    )
    assert ids(core_of(folder))[:9] == ["t2", "t9", "t11", "t12", "f11", "f9", "l100", "r12", "t1"]


def test_an_instalment_repays_at_most_what_is_outstanding_in_the_order_of_events(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        "1;10;930109;VYDAJ;50.00;UVER",
        "8;10;930301;VYDAJ;700.00;UVER",
        "7;10;930301;VYDAJ;400.00;UVER",
        "9;10;930302;VYDAJ;1.00;UVER",
    )
    repaid = {
        event.id: LoanRepaid.model_validate_json(event.data) for event in core_of(folder) if "-r" in event.id
    }
    assert list(repaid) == ["berka-r7", "berka-r8"]
    assert [(one.loan_id, one.principal, one.interest) for one in repaid.values()] == [
        ("l100", 40000, 0),
        ("l100", 60000, 0),
    ]


def test_an_instalment_without_a_loan_is_only_a_posting(tmp_path: Path) -> None:
    loans = '"loan_id";"account_id";"date";"amount";"status"\r\n'
    folder = folder_of(tmp_path, "1;10;930109;VYDAJ;50.00;UVER", loan=loans)
    assert ids(core_of(folder)) == ["t1"]


def test_loans_that_go_wrong_are_reclassified_by_their_status(tmp_path: Path) -> None:
    changes = [event for event in core_of(folder_of(tmp_path)) if event.type == "LoanReclassified"]
    seen = [
        (event.id, event.extensions["businessdate"], orjson.loads(event.data)["to_class"])
        for event in changes
    ]
    assert seen == [
        ("berka-k100-1", "1993-04-10", "substandard"),
        ("berka-k100-2", "1993-07-09", "doubtful"),
        ("berka-k100-3", "1994-01-05", "loss"),
        ("berka-k200-1", "1994-03-01", "special_mention"),
        ("berka-k200-2", "1994-04-30", "substandard"),
    ]


def test_owners_become_customers_of_their_own_district(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    customers = {
        event.subject: orjson.loads(event.data) for event in read_berka(folder) if event.id[6] == "c"
    }
    assert list(customers) == ["c1", "c2"]
    assert [(one["kind"], one["region"], one["branch_id"]) for one in customers.values()] == [
        ("individual", "south Bohemia", "b18"),
        ("individual", "central Bohemia", "b5"),
    ]


def test_a_district_has_a_manager_for_each_sixty_customers_in_order_of_client(tmp_path: Path) -> None:
    clients, owners = '"client_id";"district_id"\r\n', '"disp_id";"client_id";"account_id";"type"\r\n'
    for number in range(125, 0, -1):
        clients += f"{number};{18 if number % 2 else 5}\r\n"
        owners += f'{number};{number};{number};"OWNER"\r\n'
    events = list(read_berka(folder_of(tmp_path, client=clients, disp=owners)))
    managers = [orjson.loads(event.data) for event in events if event.type == "ManagerRegistered"]
    assert [one["manager_id"] for one in managers] == ["m5-1", "m5-2", "m18-1", "m18-2"]
    assert {(one["team_id"], one["branch_id"]) for one in managers} == {("b5", "b5"), ("b18", "b18")}
    manager_of = {
        event.subject: orjson.loads(event.data)["shares"][0]["manager_id"]
        for event in events
        if event.type == "CustomerAssigned"
    }
    assert len(manager_of) == 125
    assert (manager_of["c120"], manager_of["c122"]) == ("m5-1", "m5-2")
    assert (manager_of["c119"], manager_of["c121"]) == ("m18-1", "m18-2")


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"trans": SMALL["trans.asc"] + "1;10;930101\r\n"}, "trans.asc, line 2: has 3 values, must have 10"),
        (
            {"trans": SMALL["trans.asc"].replace("amount", "sum")},
            "trans.asc, line 1: the column amount is missing",
        ),
        ({"trans": ""}, "trans.asc, line 1: the column trans_id is missing"),
        (
            {"loan": SMALL["loan.asc"].replace("930110", "930231")},
            'loan.asc, line 2: date "930231": is not a day',
        ),
        (
            {"loan": SMALL["loan.asc"].replace("930110", "93011")},
            'loan.asc, line 2: date "93011": must be a date',
        ),
        (
            {"loan": SMALL["loan.asc"].replace(";500;", ";5e2;")},
            'loan.asc, line 3: amount "5e2": must be a decimal',
        ),
        (
            {"loan": SMALL["loan.asc"].replace(";500;", ";-5;")},
            'loan.asc, line 3: amount "-5": must not be negative',
        ),
        (
            {"loan": SMALL["loan.asc"].replace('"D"', '"E"')},
            'loan.asc, line 3: status "E": must be one of A, B, C, D',
        ),
        ({"loan": SMALL["loan.asc"].replace("200;20", "200;10")}, "account 10 has a loan already"),
        ({"loan": SMALL["loan.asc"].replace("200;20", "100;20")}, "is the number of line 2 already"),
        ({"loan": SMALL["loan.asc"].replace("200;20", "200;21")}, "must have an OWNER in disp.asc"),
        (
            {"disp": SMALL["disp.asc"].replace("DISPONENT", "OWNER")},
            "disp.asc, line 4: account_id .* has an OWNER",
        ),
        (
            {"disp": SMALL["disp.asc"].replace("2;2;20", "2;9;20")},
            "disp.asc, line 3: client_id .* must be in client",
        ),
        (
            {"disp": SMALL["disp.asc"].replace("2;2;20", "2;x;20")},
            'client_id "x": must be a number above zero',
        ),
        (
            {"client": SMALL["client.asc"].replace(";18", ";19")},
            "client.asc, line 2: district_id .* must be in distr",
        ),
        (
            {"district": SMALL["district.asc"].replace('"south Bohemia"', "")},
            "line 3: A3 .* must name the region",
        ),
        (
            {"client": SMALL["client.asc"].replace('"706213"', '"70"x')},
            "client.asc, line 2: must be semicolon-sep",
        ),
    ],
)
def test_a_bad_record_is_named_with_file_line_and_rule(
    tmp_path: Path, replaced: dict[str, str], message: str
) -> None:
    with pytest.raises(BerkaError, match=message):
        read_berka(folder_of(tmp_path, **replaced))


def test_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "district.asc").write_bytes(SMALL["district.asc"].encode() + b'19;"P\xedsek";"x"\r\n')
    with pytest.raises(BerkaError, match=r"district.asc, line 4: must be UTF-8 text"):
        read_berka(folder)


@pytest.mark.parametrize("name", SMALL)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (folder_of(tmp_path) / name).unlink()
    with pytest.raises(BerkaError, match=f"{name}: cannot be read in .*No such file"):
        read_berka(tmp_path)


@pytest.fixture(scope="module")
def real() -> list[CloudEvent]:
    return list(read_berka(REAL))


@needs_real_data
def test_the_real_data_give_exactly_these_events(real: list[CloudEvent]) -> None:
    assert Counter(event.type for event in real) == {
        "ProductDefined": 3,
        "ManagerRegistered": 97,
        "CustomerRegistered": 4500,
        "CustomerAssigned": 4500,
        "DepositPosted": 28205,
        "FeeCharged": 2922 + 9,
        "LoanDisbursed": 682,
        "LoanRepaid": 40,
        "LoanReclassified": 3 * 31 + 2 * 45,
    }
    assert len({event.id for event in real}) == len(real)


@needs_real_data
def test_the_real_amounts_add_up_to_those_of_the_file(real: list[CloudEvent]) -> None:
    expected: Counter[str] = Counter()
    for line in (REAL / "trans.asc").read_text().splitlines()[1:]:
        values = line.replace('"', "").split(";")
        fen, symbol = int(values[5].replace(".", "")), values[7]
        expected["deposits"] += fen if values[3] == "PRIJEM" else -fen
        expected["intermediary"] += fen if symbol == "SLUZBY" else 0
        expected["credit_risk"] += fen if symbol == "SANKC. UROK" else 0
        expected["repaid"] += fen if symbol == "UVER" else 0
    found: Counter[str] = Counter()
    for event in real:
        match event.type:
            case "DepositPosted":
                found["deposits"] += DepositPosted.model_validate_json(event.data).amount
            case "FeeCharged":
                fee = FeeCharged.model_validate_json(event.data)
                found[fee.kind] += fee.amount
            case "LoanRepaid":
                found["repaid"] += LoanRepaid.model_validate_json(event.data).principal
    assert found == expected


@needs_real_data
def test_the_real_events_are_in_order_and_readable(real: list[CloudEvent]) -> None:
    core = [event for event in real if event.type in CORE_EVENTS]
    assert real[-len(core) :] == core
    dates = [date.fromisoformat(event.extensions["businessdate"]) for event in core]
    assert dates == sorted(dates)
    assert (dates[0], dates[-1]) == (date(1993, 1, 1), date(1999, 2, 11))
    for event in core:
        CORE_EVENTS[event.type].model_validate_json(event.data)
    phases = [Registration.of(event).route.phase for event in real[: -len(core)]]
    assert phases == sorted(phases)
    assert set(phases) == {route.phase for route in ROUTES.values()}
