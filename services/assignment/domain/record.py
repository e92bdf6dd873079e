"""What all records about customers have in common: days, people on record, and texts that are kept only sealed."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Annotated, TypeVar

from pydantic import StringConstraints

from shared.kernel.errors import Refusal

Note = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=2000, strip_whitespace=True, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
    ),
]
"""What people write about a customer: 1 to 2,000 characters, on lines of their own if they like."""

CommandT = TypeVar("CommandT")


def customer_stream(customer_id: str) -> str:
    """The customer's stream, with whose key texts about the customer are sealed."""
    return f"customer-{customer_id}"


def sealed_text(sealed: Mapping[CommandT, str], command: CommandT, field: str) -> str:
    """A command's text, sealed; raises Refusal for one about a customer whose personal data was erased."""
    if command not in sealed:
        detail = "the customer's personal data was erased, and nothing can be written about them any more"
        raise Refusal("personal-data-is-kept", field, detail)
    return sealed[command]


def check_manager(manager_id: str, managers: AbstractSet[str]) -> None:
    """Raises Refusal for a manager who is not on record."""
    if manager_id not in managers:
        raise Refusal("manager-is-known", "manager_id", f"there is no manager {manager_id}")


def check_has_come(day: date, today: date, field: str) -> None:
    """Raises Refusal for a day that lies in the future."""
    if day > today:
        raise Refusal("day-has-come", field, f"{day} lies in the future")


def check_follows(day: date, before: date, field: str) -> None:
    """Raises Refusal for a day that lies before the one that it follows upon; the same day will do."""
    if day < before:
        raise Refusal("dates-go-forward", field, f"{day} lies before {before}")
