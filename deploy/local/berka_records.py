"""The files of the PKDD'99 data set: semicolon-separated text whose first line names the columns.

Dates are ``YYMMDD`` of the twentieth century, amounts decimal numbers of Czech crowns, read as the base
currency.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from shared.kernel.errors import Malformed
from shared.kernel.money import parse_money


class BerkaError(ValueError):
    """A file or record cannot be read; the message names file, line, column and rule."""


class Table(NamedTuple):
    """A file and the columns that we need of it, the first of which numbers the records."""

    file: str
    columns: tuple[str, ...]


DISTRICT = Table("district.asc", ("A1", "A3"))
CLIENT = Table("client.asc", ("client_id", "district_id"))
DISPOSITION = Table("disp.asc", ("disp_id", "client_id", "account_id", "type"))
LOAN = Table("loan.asc", ("loan_id", "account_id", "date", "amount", "status"))
TRANSACTION = Table("trans.asc", ("trans_id", "account_id", "date", "type", "amount", "k_symbol"))


class Record(NamedTuple):
    """One line of a file; its readers raise BerkaError."""

    file: str
    line: int
    values: dict[str, str]

    def text(self, column: str) -> str:
        return self.values[column]

    def integer(self, column: str) -> int:
        text = self.values[column]
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise self.error(column, "must be a number above zero")
        return int(text)

    def one_of(self, column: str, allowed: Sequence[str]) -> str:
        text = self.values[column]
        if text not in allowed:
            raise self.error(column, f"must be one of {', '.join(allowed)}")
        return text

    def day(self, column: str) -> date:
        text = self.values[column]
        if not (len(text) == 6 and text.isascii() and text.isdigit()):
            raise self.error(column, "must be a date written YYMMDD")
        try:
            return date(1900 + int(text[:2]), int(text[2:4]), int(text[4:]))
        except ValueError:
            raise self.error(column, "is not a day of the calendar") from None

    def amount(self, column: str) -> int:
        """Minor units. The type of a record says which way the money went, so that none is negative.

        Zero is read as it stands: the ledger refuses such events one by one, with its reason.
        """
        try:
            amount = parse_money(self.values[column])
        except Malformed as error:
            raise self.error(column, str(error)) from None
        if amount < 0:
            raise self.error(column, "must not be negative")
        return amount

    def error(self, column: str, rule: str) -> BerkaError:
        """The error of a column that breaks a rule."""
        return BerkaError(f'{self.file}, line {self.line}: {column} "{self.values[column]}": {rule}')


def records(folder: Path, table: Table) -> Iterator[Record]:
    """The records of a file in its order. The number in the first column must be there once only."""
    numbers: dict[str, int] = {}
    rows = _rows(folder, table)
    header = next(rows, (1, []))[1]
    missing = [column for column in table.columns if column not in header]
    if missing:
        raise BerkaError(f"{table.file}, line 1: the column {missing[0]} is missing")
    key, *_ = table.columns
    for line, row in rows:
        if len(row) != len(header):
            raise BerkaError(f"{table.file}, line {line}: has {len(row)} values, must have {len(header)}")
        record = Record(table.file, line, dict(zip(header, row, strict=True)))
        first = numbers.setdefault(record.text(key), line)
        if first != line:
            raise record.error(key, f"is the number of line {first} already")
        yield record


def _rows(folder: Path, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and values; a line is decoded when it is reached, so that an error can name it."""
    line = 0
    try:
        with (folder / table.file).open("rb") as file:
            reader = csv.reader((raw.decode() for raw in file), delimiter=";", strict=True)
            for row in reader:
                line = reader.line_num
                if row:
                    yield line, row
    except UnicodeDecodeError:
        raise BerkaError(f"{table.file}, line {line + 1}: must be UTF-8 text") from None
    except csv.Error as error:
        raise BerkaError(f"{table.file}, line {line + 1}: must be semicolon-separated ({error})") from None
    except OSError as error:
        raise BerkaError(f"{table.file}: cannot be read in {folder} ({error.strerror})") from None


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns which account, where the owners live, and what the regions are called; all by number."""

    owners: dict[int, int]
    district_of: dict[int, int]
    regions: dict[int, str]

    def checked(self, found: Iterator[Record]) -> Iterator[Record]:
        """Records about accounts, each of which must have an owner."""
        for record in found:
            if record.integer("account_id") not in self.owners:
                raise record.error("account_id", f"must have an OWNER in {DISPOSITION.file}")
            yield record


def read_ownership(folder: Path) -> Ownership:
    """Owners of accounts (``disp`` of type OWNER), their districts and regions (``district.A3``)."""
    regions = {record.integer("A1"): _region(record) for record in records(folder, DISTRICT)}
    clients = {record.integer("client_id"): record for record in records(folder, CLIENT)}
    owners: dict[int, int] = {}
    district_of: dict[int, int] = {}
    for record in records(folder, DISPOSITION):
        if record.one_of("type", ("OWNER", "DISPONENT")) != "OWNER":
            continue
        client, account = record.integer("client_id"), record.integer("account_id")
        if client not in clients:
            raise record.error("client_id", f"must be in {CLIENT.file}")
        if account in owners:
            raise record.error("account_id", f"has an OWNER already, client {owners[account]}")
        district = clients[client].integer("district_id")
        if district not in regions:
            raise clients[client].error("district_id", f"must be in {DISTRICT.file}")
        owners[account], district_of[client] = client, district
    return Ownership(owners, district_of, regions)


def _region(record: Record) -> str:
    region = record.text("A3").strip()
    if not region:
        raise record.error("A3", "must name the region")
    return region
