"""The field types of the contracts: each names its own rule when a value does not keep it."""

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from shared.kernel.books import RESERVED_CENTRES
from shared.kernel.errors import Malformed
from shared.kernel.money import format_money, parse_money, parse_rate
from shared.kernel.period import FIRST_YEAR, LAST_YEAR

_LONGEST_ID = 64
_ID_CHARACTERS = r"^[\w.:@+-]+$"
ID_PATTERN = rf"^[\w.:@+-]{{1,{_LONGEST_ID}}}$"


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _iso_text(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise Malformed("must be a date written YYYY-MM-DD")


def _not_reserved(centre: str) -> str:
    if centre in RESERVED_CENTRES:
        raise Malformed(f'"{centre}" is the name of a special centre and cannot be used as an id')
    return centre


def _share(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    with suppress(Malformed):
        share = parse_rate(value)
        exponent = share.as_tuple().exponent
        if 0 < share <= 1 and isinstance(exponent, int) and exponent >= -4:
            return share
    raise Malformed('must be a decimal string above 0 and at most 1 with at most four places, such as "0.6"')


def _rate(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else parse_rate(value)


Id = Annotated[
    str,
    StringConstraints(
        max_length=_LONGEST_ID, pattern=_ID_CHARACTERS
    ),  # a fifth of the time of the pattern below
    WithJsonSchema({"type": "string", "pattern": ID_PATTERN}),
]
"""An identifier: 1 to 64 letters, digits and ``. : @ + - _``."""

CentreId = Annotated[Id, AfterValidator(_not_reserved)]
"""The id of a manager or department: an Id that is not the name of a special centre."""

Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
"""Words for people: 1 to 200 characters on one line."""

BusinessDate = Annotated[
    date, Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31)), BeforeValidator(_iso_text)
]
"""A calendar day (业务日期), ``YYYY-MM-DD``, in the years 1900 to 2199."""

Money = Annotated[
    int,
    BeforeValidator(parse_money),
    PlainSerializer(format_money, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,15}(\.\d{1,2})?$", "examples": ["1234.50"]}),
]
"""Minor units inside, a decimal string with at most two places on the wire."""

LARGEST_POSTING = 10**15
"""What one event may move, in minor units: ten trillion, far above any bank and far below what its sums can hold."""


def _bounded(amount: int) -> int:
    if abs(amount) > LARGEST_POSTING:
        raise Malformed(f"must not be above {format_money(LARGEST_POSTING)}")
    return amount


def _positive(amount: int) -> int:
    if amount <= 0:
        raise Malformed("must be above zero")
    return _bounded(amount)


def _not_zero(amount: int) -> int:
    if amount == 0:
        raise Malformed("must not be zero")
    return _bounded(amount)


def _not_negative(amount: int) -> int:
    if amount < 0:
        raise Malformed("must not be negative")
    return _bounded(amount)


Amount = Annotated[Money, AfterValidator(_positive)]
SignedAmount = Annotated[Money, AfterValidator(_not_zero)]
AmountOrZero = Annotated[Money, AfterValidator(_not_negative)]

Rate = Annotated[
    Decimal,
    BeforeValidator(_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,6}(\.\d{1,6})?$", "examples": ["1.50"]}),
]
"""Percent per year as an exact decimal."""

Share = Annotated[
    Decimal,
    BeforeValidator(_share),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(0\.\d{1,4}|1(\.0{1,4})?)$", "examples": ["0.6"]}),
]
"""A manager's part of a customer, above 0 and at most 1, at most four places."""


class Contract(BaseModel):
    """Base of every contract: immutable; unknown fields are ignored, so that producers may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_json(self) -> bytes:
        """The wire form: money as decimal strings, dates as ``YYYY-MM-DD``, absent fields left out."""
        return orjson.dumps(self.model_dump(mode="json", exclude_none=True))


_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "int_parsing": "must be a whole number",
    "model_attributes_type": "must be a JSON object",
    "timezone_aware": "must be a moment with its offset from UTC, such as 2026-10-01T09:00:00Z",
}
"""Instead of pydantic's words, by its type of error."""
_SUBJECT = re.compile(r"^(Input|String|Value|List|Dictionary|Set|Tuple|Date|Decimal input) should ")


def describe(error: dict[str, Any]) -> tuple[str, str]:
    """Field path and rule of one pydantic error, in words a caller can act on."""
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    kind, message = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if error.get("ctx") in ({"pattern": _ID_CHARACTERS}, {"max_length": _LONGEST_ID}):
        return path, "must be 1 to 64 letters, digits and . : @ + - _"
    if kind.startswith("date_"):
        return path, "must be a day of the calendar, written YYYY-MM-DD"
    if kind == "extra_forbidden" and not message.startswith("Extra"):
        return path, message  # our own, which says what is known
    return path, _WORDS.get(kind) or _SUBJECT.sub("must ", message)


ContractT = TypeVar("ContractT", bound=Contract)


def parse(contract: type[ContractT], data: bytes) -> ContractT:
    """Read a message's data; raises Malformed naming every field that breaks a rule, and the rule.

    The JSON is read strictly (no NaN, no infinite numbers), as data may be kept to the byte for other readers.
    """
    try:
        return contract.model_validate(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"data: is not JSON ({error})") from None
    except ValidationError as error:
        broken = (describe(dict(one)) for one in error.errors(include_url=False, include_input=False))
        raise Malformed("; ".join(f"{path}: {rule}" if path else rule for path, rule in broken)) from None
